using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>A TCP segment that arrived and is held. Reading it copies and allocates nothing.</summary>
public readonly ref struct HeldSegment
{
    /// <summary>Which socket it is for.</summary>
    public required ConnectionKey Key { get; init; }

    /// <summary>Number of its first byte.</summary>
    public required uint Sequence { get; init; }

    /// <summary>Its control bits.</summary>
    public required TcpFlags Flags { get; init; }

    /// <summary>Where the payload begins in the datagram: at least 40.</summary>
    public required int PayloadStart { get; init; }

    /// <summary>Bytes of payload.</summary>
    public required int PayloadBytes { get; init; }

    /// <summary>Reads a segment. Never throws.</summary>
    /// <param name="datagram">From the IP header on.</param>
    /// <param name="verify">Nobody has checked the TCP checksum yet: bytes that the kernel will refuse must not be mirrored.</param>
    /// <param name="segment">The segment.</param>
    /// <returns>False when it is no whole, right TCP segment.</returns>
    public static bool TryRead(ReadOnlySpan<byte> datagram, bool verify, out HeldSegment segment)
    {
        segment = default;
        if (SegmentDecoder.Decode(datagram, verify, null, out TcpSegment tcp) != PacketVerdict.Segment || tcp.Payload.Length != tcp.PayloadBytes) return false;
        int start = tcp.PayloadBytes == 0 ? datagram.Length : (int)Unsafe.ByteOffset(in MemoryMarshal.GetReference(datagram), in MemoryMarshal.GetReference(tcp.Payload));
        segment = new HeldSegment
        {
            Key = new ConnectionKey(new IpAddressBytes(tcp.Destination), tcp.Tcp.DestinationPort, new IpAddressBytes(tcp.Source), tcp.Tcp.SourcePort),
            Sequence = tcp.Tcp.Sequence,
            Flags = tcp.Tcp.Flags,
            PayloadStart = start,
            PayloadBytes = tcp.PayloadBytes,
        };
        return true;
    }
}

using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>An IPv4 datagram (RFC 791).</summary>
/// <remarks>
/// <code>
///  0             1     2              4    6                7    8     9          10         12       16            20
///  | version,IHL | TOS | total length | id | flags, offset  .    | TTL | protocol | checksum | source | destination | options, payload
/// </code>
/// A total length of 0 is what a card that cuts segments leaves behind: the datagram then reaches to the end of the frame.
/// </remarks>
internal readonly ref struct IPv4View
{
    /// <summary>Header without options.</summary>
    public const int MinHeaderBytes = 20;

    private const int MoreFragments = 0x2000, OffsetMask = 0x1fff;
    private readonly ReadOnlySpan<byte> _bytes;

    private IPv4View(ReadOnlySpan<byte> bytes, int headerBytes, int payloadBytes)
    {
        _bytes = bytes;
        HeaderBytes = headerBytes;
        PayloadBytes = payloadBytes;
    }

    /// <summary>Header with options, 20 to 60.</summary>
    public int HeaderBytes { get; }

    /// <summary>Bytes behind the header as the header tells; the frame may hold fewer.</summary>
    public int PayloadBytes { get; }

    /// <summary>Those of the payload that were captured.</summary>
    public ReadOnlySpan<byte> Payload => _bytes.Slice(HeaderBytes, Math.Min(PayloadBytes, _bytes.Length - HeaderBytes));

    /// <summary>Protocol number of the payload.</summary>
    public byte Protocol => _bytes[9];

    /// <summary>Where the payload belongs, if this is a part of a datagram.</summary>
    public FragmentPlace Fragment => new(BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]), (FragmentField & OffsetMask) * 8, (FragmentField & MoreFragments) != 0);

    /// <summary>Source address.</summary>
    public ReadOnlySpan<byte> Source => _bytes.Slice(12, 4);

    /// <summary>Destination address.</summary>
    public ReadOnlySpan<byte> Destination => _bytes.Slice(16, 4);

    /// <summary>The header's options, padding included; empty for most.</summary>
    public ReadOnlySpan<byte> Options => _bytes[MinHeaderBytes..HeaderBytes];

    /// <summary>The header's own checksum is right.</summary>
    public bool HasRightChecksum => InternetChecksum.Of(_bytes[..HeaderBytes]) == 0;

    private int FragmentField => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    /// <summary>Validates everything once; after <see cref="PacketVerdict.Segment"/> no member can fail.</summary>
    public static PacketVerdict TryParse(ReadOnlySpan<byte> bytes, out IPv4View view)
    {
        view = default;
        if (bytes.Length < MinHeaderBytes) return PacketVerdict.TruncatedIp;
        int headerBytes = (bytes[0] & 15) * 4;
        if (bytes[0] >> 4 != 4 || headerBytes < MinHeaderBytes) return PacketVerdict.BadIpHeader;
        if (bytes.Length < headerBytes) return PacketVerdict.TruncatedIp;
        int total = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (total == 0) total = bytes.Length;
        if (total < headerBytes) return PacketVerdict.BadIpHeader;
        view = new IPv4View(bytes, headerBytes, total - headerBytes);
        return PacketVerdict.Segment;
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Interop;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Takeover;

/// <summary>What does not change in the life of a TCP socket, and from which with the counts of its streams everything else follows: read once, before the first byte is sent (docs/takeover.md).</summary>
/// <remarks>
/// <code>
/// flags u8 (1 timestamps, 2 SACK, 4 IPv6) | send scale u8 | receive scale u8 | 0 | mss u16 | local port u16 | remote port u16 | 0 u16 |
/// first sent u32 | first received u32 | timestamp u32 | local address 16 | remote address 16
/// </code>
/// Integers are big-endian. IPv4 addresses stand in the first four bytes of their fields, the others are 0.
/// </remarks>
public readonly record struct SocketRecord
{
    /// <summary>Bytes of the encoding.</summary>
    public const int Bytes = 56;

    private const byte TimestampsBit = 1, SackBit = 2, SixBit = 4;
    private const byte MaxScale = 14;
    private const byte Established = 1;
    private const int NotConnected = 107;
    private const int AddressBytes = 28;

    /// <summary>The two ends.</summary>
    public ConnectionKey Key { get; init; }

    /// <summary>Sequence number of the first byte that this side sends: its initial number and one.</summary>
    public uint FirstSent { get; init; }

    /// <summary>Sequence number of the first byte that the peer sends.</summary>
    public uint FirstReceived { get; init; }

    /// <summary>This side's timestamp clock when the record was made; milliseconds.</summary>
    public uint Timestamp { get; init; }

    /// <summary>Largest segment, in bytes of payload with the smallest header.</summary>
    public ushort SegmentBytes { get; init; }

    /// <summary>Shift of the peer's windows; 0 to 14.</summary>
    public byte SendScale { get; init; }

    /// <summary>Shift of this side's windows; 0 to 14.</summary>
    public byte ReceiveScale { get; init; }

    /// <summary>Both sides use timestamps.</summary>
    public bool HasTimestamps { get; init; }

    /// <summary>Both sides take selective acknowledgements.</summary>
    public bool HasSack { get; init; }

    /// <summary>Reads it from a connected socket on which nothing was sent and from which nothing was read.</summary>
    /// <param name="descriptor">The socket; it goes on as before.</param>
    /// <param name="record">The record.</param>
    /// <returns>0, or the negated errno (EPERM: CAP_NET_ADMIN is missing; ENOTCONN, EINVAL: the connection is gone).</returns>
    public static int TryCapture(int descriptor, out SocketRecord record)
    {
        record = default;
        Span<byte> local = stackalloc byte[AddressBytes], remote = stackalloc byte[AddressBytes];
        int error = TcpRepair.GetAddresses(descriptor, local, remote);
        if (error == 0) error = TcpRepair.SetRepair(descriptor, TcpRepair.On);
        if (error < 0) return error;
        error = ReadNumbers(descriptor, out uint sent, out uint received, out uint timestamp, out uint segment);
        int left = TcpRepair.SetRepair(descriptor, TcpRepair.OffWithoutProbe);
        _ = TcpRepair.SetReuseAddress(descriptor); // leaving repair clears it; cannot fail
        if (error == 0) error = left;
        if (error < 0) return error;
        error = TcpRepair.GetInfo(descriptor, out TcpRepair.Info info);
        if (error < 0) return error;
        if (info.State != Established) return -NotConnected; // a FIN that came already has a number of its own
        record = new SocketRecord
        {
            Key = new ConnectionKey(AddressOf(local), BinaryPrimitives.ReadUInt16BigEndian(local[2..]), AddressOf(remote), BinaryPrimitives.ReadUInt16BigEndian(remote[2..])),
            FirstSent = sent,
            FirstReceived = received,
            Timestamp = timestamp,
            SegmentBytes = (ushort)segment,
            SendScale = (byte)(info.Scales & 15),
            ReceiveScale = (byte)(info.Scales >> 4),
            HasTimestamps = (info.Options & TcpRepair.HasTimestamps) != 0,
            HasSack = (info.Options & TcpRepair.HasSack) != 0,
        };
        return 0;
    }

    /// <summary>Bytes that were received and not read; negative: the errno.</summary>
    public static int Unread(int descriptor) => TcpRepair.Unread(descriptor);

    /// <summary>Reads received bytes and leaves them there.</summary>
    /// <returns>How many, or the negated errno.</returns>
    public static int Peek(int descriptor, Span<byte> buffer) => TcpRepair.Peek(descriptor, buffer);

    /// <summary>Writes the encoding.</summary>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Bytes];
        destination.Clear();
        destination[0] = (byte)((HasTimestamps ? TimestampsBit : 0) | (HasSack ? SackBit : 0) | (Key.Local.IsIPv4 ? 0 : SixBit));
        destination[1] = SendScale;
        destination[2] = ReceiveScale;
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], SegmentBytes);
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], Key.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(destination[8..], Key.RemotePort);
        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], FirstSent);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], FirstReceived);
        BinaryPrimitives.WriteUInt32BigEndian(destination[20..], Timestamp);
        _ = Key.Local.CopyTo(destination[24..]);
        _ = Key.Remote.CopyTo(destination[40..]);
    }

    /// <summary>Reads the encoding. Never throws.</summary>
    /// <returns>False when it is none.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out SocketRecord record)
    {
        record = default;
        if (source.Length != Bytes || source[0] > 7 || source[1] > MaxScale || source[2] > MaxScale) return false;
        int addressBytes = (source[0] & SixBit) != 0 ? 16 : 4;
        ushort segment = BinaryPrimitives.ReadUInt16BigEndian(source[4..]), localPort = BinaryPrimitives.ReadUInt16BigEndian(source[6..]), remotePort = BinaryPrimitives.ReadUInt16BigEndian(source[8..]);
        if (segment == 0 || localPort == 0 || remotePort == 0) return false;
        record = new SocketRecord
        {
            Key = new ConnectionKey(new IpAddressBytes(source.Slice(24, addressBytes)), localPort, new IpAddressBytes(source.Slice(40, addressBytes)), remotePort),
            HasTimestamps = (source[0] & TimestampsBit) != 0,
            HasSack = (source[0] & SackBit) != 0,
            SendScale = source[1],
            ReceiveScale = source[2],
            SegmentBytes = segment,
            FirstSent = BinaryPrimitives.ReadUInt32BigEndian(source[12..]),
            FirstReceived = BinaryPrimitives.ReadUInt32BigEndian(source[16..]),
            Timestamp = BinaryPrimitives.ReadUInt32BigEndian(source[20..]),
        };
        return true;
    }

    // What arrives between the two reads of the queue's number would be counted twice or not at all: read until they agree.
    private static int ReadNumbers(int descriptor, out uint sent, out uint received, out uint timestamp, out uint segment)
    {
        (sent, received, timestamp, segment) = (0, 0, 0, 0);
        int error = TcpRepair.SelectQueue(descriptor, TcpRepair.Sending);
        if (error == 0) error = TcpRepair.GetSequence(descriptor, out sent);
        if (error == 0) error = TcpRepair.SelectQueue(descriptor, TcpRepair.Receiving);
        while (error == 0)
        {
            error = TcpRepair.GetSequence(descriptor, out uint before);
            int unread = TcpRepair.Unread(descriptor);
            if (unread < 0) return unread;
            if (error == 0) error = TcpRepair.GetSequence(descriptor, out received);
            if (before != received) continue;
            received -= (uint)unread;
            break;
        }
        if (error == 0) error = TcpRepair.GetTimestamp(descriptor, out timestamp);
        return error < 0 ? error : TcpRepair.GetSegmentSize(descriptor, out segment);
    }

    private static IpAddressBytes AddressOf(ReadOnlySpan<byte> address) => MemoryMarshal.Read<ushort>(address) == 2 ? new IpAddressBytes(address.Slice(4, 4)) : new IpAddressBytes(address.Slice(8, 16));
}

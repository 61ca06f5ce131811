using System.Buffers.Binary;
using System.Net;

namespace Appliance.State;

/// <summary>What one direction of a TCP connection's headers say (RFC 9293, RFC 7323, RFC 2018).</summary>
internal readonly record struct SegmentDirection
{
    /// <summary>Next sequence number that the sender will use.</summary>
    public uint Sequence { get; init; }

    /// <summary>Newest acknowledgement number that it sent.</summary>
    public uint Acknowledgement { get; init; }

    /// <summary>Newest window that it announced, unscaled.</summary>
    public ushort Window { get; init; }

    /// <summary>Its window scale; 0 to 14.</summary>
    public byte Scale { get; init; }

    /// <summary>Its handshake permitted selective acknowledgement.</summary>
    public bool SackPermitted { get; init; }

    /// <summary>It uses timestamps.</summary>
    public bool Timestamps { get; init; }

    /// <summary>It has sent a FIN.</summary>
    public bool Finished { get; init; }

    /// <summary>Its maximum segment size; 0 when it named none.</summary>
    public ushort MaximumSegment { get; init; }

    /// <summary>Newest timestamp value that it sent.</summary>
    public uint TimestampValue { get; init; }

    /// <summary>Newest timestamp that it echoed.</summary>
    public uint TimestampEcho { get; init; }
}

/// <summary>Value of a <see cref="RecordKind.Segment"/>: TCP/IP header state of a connection (A8). Valid until the table changes.</summary>
/// <remarks>
/// <code>
///  0        1        2          3   4             6             8                24               40                 64
///  | layout | family | protocol | 0 | client port | server port | client address | server address | client to server | server to client | 88
///
///  direction: 0          4                 8        10      11      12    14    16                20               24
///             | sequence | acknowledgement | window | scale | flags | MSS | 0 0 | timestamp value | timestamp echo |
///  flags:     bit 0 SACK permitted, bit 1 timestamps, bit 2 finished
/// </code>
/// Integers are big-endian, layout is 1, family 4 or 6 (an IPv4 address fills the first four of its sixteen bytes, the others are 0), protocol 6 (TCP).
/// </remarks>
internal readonly ref struct SegmentView
{
    /// <summary>Length of the value.</summary>
    internal const int Bytes = 88;

    private const byte Layout = 1, Tcp = 6, SackBit = 1, TimestampsBit = 2, FinishedBit = 4;
    private const int AddressBytes = 16, DirectionBytes = 24, MaxScale = 14;
    private readonly ReadOnlySpan<byte> _bytes;

    private SegmentView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The client. Allocates.</summary>
    internal IPEndPoint Client => EndPoint(8, 4);

    /// <summary>The server. Allocates.</summary>
    internal IPEndPoint Server => EndPoint(24, 6);

    /// <summary>What the client sends.</summary>
    internal SegmentDirection ClientToServer => Direction(_bytes.Slice(40, DirectionBytes));

    /// <summary>What the server sends.</summary>
    internal SegmentDirection ServerToClient => Direction(_bytes.Slice(64, DirectionBytes));

    /// <summary>Views a value; after true no member can fail.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> value, out SegmentView view)
    {
        view = default;
        if (value.Length != Bytes || value[0] != Layout || value[1] is not (4 or 6) || value[2] != Tcp || value[3] != 0) return false;
        if (value[1] == 4 && (value.Slice(12, 12).ContainsAnyExcept((byte)0) || value.Slice(28, 12).ContainsAnyExcept((byte)0))) return false;
        if (!IsDirection(value.Slice(40, DirectionBytes)) || !IsDirection(value.Slice(64, DirectionBytes))) return false;
        view = new SegmentView(value);
        return true;
    }

    /// <summary>Writes a value.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(Span<byte> destination, IPEndPoint client, IPEndPoint server, in SegmentDirection clientToServer, in SegmentDirection serverToClient)
    {
        if (client.AddressFamily != server.AddressFamily) throw new ArgumentException("client and server have addresses of different families", nameof(server));
        destination[..Bytes].Clear();
        destination[0] = Layout;
        destination[1] = client.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? (byte)4 : (byte)6;
        destination[2] = Tcp;
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)client.Port);
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], (ushort)server.Port);
        client.Address.TryWriteBytes(destination[8..], out _);
        server.Address.TryWriteBytes(destination[24..], out _);
        WriteDirection(destination[40..], clientToServer);
        WriteDirection(destination[64..], serverToClient);
        return Bytes;
    }

    private IPEndPoint EndPoint(int address, int port) =>
        new(new IPAddress(_bytes.Slice(address, _bytes[1] == 4 ? 4 : AddressBytes)), BinaryPrimitives.ReadUInt16BigEndian(_bytes[port..]));

    private static bool IsDirection(ReadOnlySpan<byte> bytes) => bytes[10] <= MaxScale && bytes[11] <= (SackBit | TimestampsBit | FinishedBit) && (bytes[14] | bytes[15]) == 0;

    private static SegmentDirection Direction(ReadOnlySpan<byte> bytes) => new()
    {
        Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes),
        Acknowledgement = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
        Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[8..]),
        Scale = bytes[10],
        SackPermitted = (bytes[11] & SackBit) != 0,
        Timestamps = (bytes[11] & TimestampsBit) != 0,
        Finished = (bytes[11] & FinishedBit) != 0,
        MaximumSegment = BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]),
        TimestampValue = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
        TimestampEcho = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]),
    };

    private static void WriteDirection(Span<byte> destination, in SegmentDirection direction)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, direction.Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], direction.Acknowledgement);
        BinaryPrimitives.WriteUInt16BigEndian(destination[8..], direction.Window);
        destination[10] = direction.Scale;
        destination[11] = (byte)((direction.SackPermitted ? SackBit : 0) | (direction.Timestamps ? TimestampsBit : 0) | (direction.Finished ? FinishedBit : 0));
        BinaryPrimitives.WriteUInt16BigEndian(destination[12..], direction.MaximumSegment);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], direction.TimestampValue);
        BinaryPrimitives.WriteUInt32BigEndian(destination[20..], direction.TimestampEcho);
    }
}

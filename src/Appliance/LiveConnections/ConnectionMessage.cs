using System.Buffers.Binary;
using Appliance.State;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <summary>What a message about a live connection says. Stable on the wire: never renumber.</summary>
internal enum ConnectionMessageKind : byte
{
    /// <summary>The primary's clock in <see cref="ConnectionMessage.Offset"/>, milliseconds. Also the first message of a term.</summary>
    Clock = 1,

    /// <summary>A side's <see cref="SocketRecord"/> and when it was made (the primary's clock, i64 milliseconds); the offset is the base of what it sent: earlier bytes are not needed any more.</summary>
    Record = 2,

    /// <summary>Bytes that a side sent, from an offset of its stream on.</summary>
    Data = 3,

    /// <summary>A side ended its stream at an offset.</summary>
    Fin = 4,

    /// <summary>What a side sent before an offset was acknowledged by the other.</summary>
    Trim = 5,

    /// <summary>The connection is over.</summary>
    Close = 6,

    /// <summary>The primary of this term has told of all its connections: of earlier terms there are no others any more.</summary>
    Settled = 7,
}

/// <summary>A message of the group's stream about one live connection (A8); <see cref="MessageType.Connection"/>.</summary>
/// <remarks>
/// <code>
///  0      1      2      3   4         8      16           20       28
///  | type | kind | side | 0 | service | term | connection | offset | record, or bytes of the stream
/// </code>
/// Integers are big-endian. Side 0 is the client's, 1 the server's. A node that does not know the type ignores it: the type is among those that may be.
/// </remarks>
internal readonly ref struct ConnectionMessage
{
    /// <summary>Bytes before the value.</summary>
    internal const int HeaderBytes = 28;

    /// <summary>Bytes of a record's value.</summary>
    internal const int RecordBytes = SocketRecord.Bytes + sizeof(long);

    /// <summary>Bytes of a stream in one message at most: the payload of the largest IP datagram.</summary>
    internal const int MostDataBytes = 65535;

    private readonly ReadOnlySpan<byte> _bytes;

    private ConnectionMessage(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    internal ConnectionMessageKind Kind => (ConnectionMessageKind)_bytes[1];

    internal int Side => _bytes[2];

    internal ServiceId Service => new(BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]));

    internal ulong Term => BinaryPrimitives.ReadUInt64BigEndian(_bytes[8..]);

    internal uint Connection => BinaryPrimitives.ReadUInt32BigEndian(_bytes[16..]);

    internal long Offset => BinaryPrimitives.ReadInt64BigEndian(_bytes[20..]);

    internal ReadOnlySpan<byte> Value => _bytes[HeaderBytes..];

    /// <summary>Validates everything once; afterwards no member can fail.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, out ConnectionMessage message)
    {
        message = default;
        if (bytes.Length < HeaderBytes || bytes.Length > HeaderBytes + MostDataBytes || bytes[0] != (byte)MessageType.Connection) return false;
        var candidate = new ConnectionMessage(bytes);
        // Offsets are sums of what one connection carries: far below the half of their range, so that adding to them cannot overflow.
        if (candidate.Side > 1 || bytes[3] != 0 || candidate.Offset is < 0 or > long.MaxValue / 2) return false;
        bool fits = candidate.Kind switch
        {
            ConnectionMessageKind.Data => bytes.Length > HeaderBytes,
            ConnectionMessageKind.Record => bytes.Length == HeaderBytes + RecordBytes,
            ConnectionMessageKind.Clock or ConnectionMessageKind.Fin or ConnectionMessageKind.Trim or ConnectionMessageKind.Close or ConnectionMessageKind.Settled => bytes.Length == HeaderBytes,
            _ => false,
        };
        if (!fits) return false;
        message = candidate;
        return true;
    }

    /// <summary>Writes what stands before the value.</summary>
    internal static void WriteHeader(Span<byte> destination, ConnectionMessageKind kind, int side, ServiceId service, ulong term, uint connection, long offset)
    {
        destination[0] = (byte)MessageType.Connection;
        destination[1] = (byte)kind;
        destination[2] = (byte)side;
        destination[3] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], service.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], term);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], connection);
        BinaryPrimitives.WriteInt64BigEndian(destination[20..], offset);
    }
}

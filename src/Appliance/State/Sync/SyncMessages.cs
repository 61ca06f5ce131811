using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>First byte of every message of a synchronisation channel. Stable on the wire: never renumber.</summary>
internal enum SyncMessageType : byte
{
    /// <summary>Asks for records (<see cref="SnapshotRequest"/>).</summary>
    SnapshotRequest = 2,

    /// <summary>Asks for all that belongs to some keys (<see cref="KeysRequest"/>).</summary>
    KeysRequest = 3,

    /// <summary>A snapshot begins (<see cref="SyncMark"/>).</summary>
    SnapshotBegin = 0x82,

    /// <summary>Records (<see cref="SyncRecords"/>).</summary>
    Records = 0x83,

    /// <summary>A snapshot is complete (<see cref="SyncMark"/>).</summary>
    SnapshotEnd = 0x84,

    /// <summary>Everything that belongs to the keys of a request has been sent (<see cref="SyncMark"/>).</summary>
    KeysEnd = 0x85,

    /// <summary>A request is not served (<see cref="SyncMark"/> with a reason).</summary>
    Refused = 0x86,
}

/// <summary>Why a request is not served.</summary>
internal enum SyncRefusal : byte
{
    /// <summary>It is served.</summary>
    None,

    /// <summary>The member does not know the service.</summary>
    UnknownService,

    /// <summary>The member does not hold the complete state itself.</summary>
    NotComplete,

    /// <summary>Tombstones after the given version have been forgotten: ask for everything.</summary>
    BelowFloor,
}

/// <summary>Asks for all records written after a version, or for all records.</summary>
/// <remarks>
/// <code>
///  0      1       2     4            8        16
///  | type | flags | 0 0 | service id | since  |
///
///  flags:  bit 0 from anyone: who is to be the primary takes what there is, also from a member that is not complete
/// </code>
/// Integers are big-endian. <c>since</c> 0 asks for everything.
/// </remarks>
internal static class SnapshotRequest
{
    internal const int Bytes = 16;
    internal const byte FromAnyoneBit = 1;

    /// <summary>Writes a request.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, RecordVersion since, bool fromAnyone)
    {
        SyncHeader.Write(destination, SyncMessageType.SnapshotRequest, fromAnyone ? FromAnyoneBit : (byte)0, service);
        BinaryPrimitives.WriteUInt64BigEndian(destination[SyncHeader.Bytes..], since.Value);
        return Bytes;
    }

    /// <summary>Reads a request.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> message, out ServiceId service, out RecordVersion since, out bool fromAnyone)
    {
        since = default;
        fromAnyone = false;
        if (!SyncHeader.TryParse(message, SyncMessageType.SnapshotRequest, out byte flags, out service)) return false;
        if (message.Length != Bytes || flags > FromAnyoneBit) return false;
        since = new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(message[SyncHeader.Bytes..]));
        fromAnyone = flags == FromAnyoneBit;
        return true;
    }
}

/// <summary>Asks for the records of some keys, heads of hashes with all their fields.</summary>
/// <remarks>
/// <code>
///  0      1       2     4            8       10
///  | type | flags | 0 0 | service id | count | count x (length u16, key)
///
///  flags:  bit 0 from anyone, as in <see cref="SnapshotRequest"/>
/// </code>
/// </remarks>
internal static class KeysRequest
{
    internal const int HeaderBytes = 10;

    /// <summary>Most keys of one request.</summary>
    internal const int MaxKeys = 1024;

    /// <summary>Writes a request with as many of the keys as fit.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(Span<byte> destination, ServiceId service, ReadOnlySpan<byte[]> keys, bool fromAnyone, out int written)
    {
        SyncHeader.Write(destination, SyncMessageType.KeysRequest, fromAnyone ? SnapshotRequest.FromAnyoneBit : (byte)0, service);
        int offset = HeaderBytes;
        for (written = 0; written < keys.Length && written < MaxKeys; written++)
        {
            byte[] key = keys[written];
            if (offset + 2 + key.Length > destination.Length) break;
            BinaryPrimitives.WriteUInt16BigEndian(destination[offset..], (ushort)key.Length);
            key.CopyTo(destination[(offset + 2)..]);
            offset += 2 + key.Length;
        }
        BinaryPrimitives.WriteUInt16BigEndian(destination[SyncHeader.Bytes..], (ushort)written);
        return offset;
    }

    /// <summary>Reads a request. Allocates: it is rare and bounded.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> message, out ServiceId service, out byte[][] keys, out bool fromAnyone)
    {
        keys = [];
        fromAnyone = false;
        if (!SyncHeader.TryParse(message, SyncMessageType.KeysRequest, out byte flags, out service)) return false;
        if (message.Length < HeaderBytes || flags > SnapshotRequest.FromAnyoneBit) return false;
        fromAnyone = flags == SnapshotRequest.FromAnyoneBit;
        int count = BinaryPrimitives.ReadUInt16BigEndian(message[SyncHeader.Bytes..]);
        if (count is 0 or > MaxKeys) return false;
        var read = new byte[count][];
        ReadOnlySpan<byte> rest = message[HeaderBytes..];
        for (int i = 0; i < count; i++)
        {
            if (rest.Length < 2) return false;
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest);
            if (rest.Length < 2 + length) return false;
            read[i] = rest.Slice(2, length).ToArray();
            rest = rest[(2 + length)..];
        }
        keys = read;
        return rest.IsEmpty;
    }
}

/// <summary>Begins and ends what a member sends, or refuses it.</summary>
/// <remarks>
/// <code>
///  0      1        2     4            8          16        24      32           36
///  | type | reason | 0 0 | service id | position | highest | floor | keys count | fields count |
/// </code>
/// Integers are big-endian. The reason is 0 unless the type is Refused. Position, highest, floor and the numbers of records in both tables are the sender's at that moment.
/// </remarks>
internal readonly record struct SyncMark(SyncMessageType Type, SyncRefusal Reason, ServiceId Service, RecordVersion Position, RecordVersion Highest, RecordVersion Floor)
{
    internal const int Bytes = 40;

    /// <summary>Records in the sender's table of keys.</summary>
    internal uint Keys { get; init; }

    /// <summary>Records in the sender's table of fields.</summary>
    internal uint Fields { get; init; }

    /// <summary>Writes the message.</summary>
    internal int Write(Span<byte> destination)
    {
        SyncHeader.Write(destination, Type, (byte)Reason, Service);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Position.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], Highest.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], Floor.Value);
        BinaryPrimitives.WriteUInt32BigEndian(destination[32..], Keys);
        BinaryPrimitives.WriteUInt32BigEndian(destination[36..], Fields);
        return Bytes;
    }

    /// <summary>Reads the message.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> message, out SyncMark mark)
    {
        mark = default;
        if (message.Length != Bytes) return false;
        var type = (SyncMessageType)message[0];
        if (type is not (SyncMessageType.SnapshotBegin or SyncMessageType.SnapshotEnd or SyncMessageType.KeysEnd or SyncMessageType.Refused)) return false;
        if (!SyncHeader.TryParse(message, type, out byte reason, out ServiceId service)) return false;
        bool isRefusal = type == SyncMessageType.Refused;
        if (isRefusal ? reason is 0 or > (byte)SyncRefusal.BelowFloor : reason != 0) return false;
        mark = new SyncMark(
            type,
            (SyncRefusal)reason,
            service,
            new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(message[8..])),
            new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(message[16..])),
            new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(message[24..])))
        {
            Keys = BinaryPrimitives.ReadUInt32BigEndian(message[32..]),
            Fields = BinaryPrimitives.ReadUInt32BigEndian(message[36..]),
        };
        return true;
    }
}

/// <summary>A chunk of records: <c>type, three zero bytes, service id u32</c>, then <see cref="EncodedRecord"/> after <see cref="EncodedRecord"/>.</summary>
internal static class SyncRecords
{
    /// <summary>A chunk is closed when it has reached this size: it is applied within half a millisecond.</summary>
    internal const int TargetBytes = 64 * 1024;

    /// <summary>Reads the header; the records are validated one by one as they are read.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> message, out ServiceId service, out ReadOnlySpan<byte> records)
    {
        records = default;
        if (!SyncHeader.TryParse(message, SyncMessageType.Records, out byte flags, out service) || flags != 0) return false;
        records = message[SyncHeader.Bytes..];
        return true;
    }
}

/// <summary>What most messages begin with: <c>type, flags or reason, two zero bytes, service id u32</c>.</summary>
internal static class SyncHeader
{
    internal const int Bytes = 8;

    /// <summary>Writes the header.</summary>
    internal static void Write(Span<byte> destination, SyncMessageType type, byte flags, ServiceId service)
    {
        destination[0] = (byte)type;
        destination[1] = flags;
        destination[2] = 0;
        destination[3] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], service.Value);
    }

    /// <summary>Reads the header.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> message, SyncMessageType type, out byte flags, out ServiceId service)
    {
        flags = 0;
        service = default;
        if (message.Length < Bytes || message[0] != (byte)type || (message[2] | message[3]) != 0) return false;
        flags = message[1];
        service = new ServiceId(BinaryPrimitives.ReadUInt32BigEndian(message[4..]));
        return true;
    }
}

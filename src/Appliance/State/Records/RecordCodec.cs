using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>A record as it stands in a message of the group and in a chunk of a snapshot. Validated once: after <see cref="TryParse"/> no member can fail.</summary>
/// <remarks>
/// <code>
///  0      1      2            3   4            8         16             20           22
///  | type | kind | attributes | 0 | service id | version | value length | key length | [expiry u64] | key | value
///
///  attributes:  bits 0-2 class, bit 3 tombstone, bit 4 an expiry follows the fixed part, the others 0
/// </code>
/// Integers are big-endian. The expiry is in milliseconds since the Unix epoch, 1 to 2^42 - 1. A tombstone has neither value nor expiry.
/// A kind that this version does not know is kept and forwarded as it is (ARCHITECTURE 4).
/// </remarks>
internal readonly ref struct EncodedRecord
{
    private readonly ReadOnlySpan<byte> _bytes;

    private EncodedRecord(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The whole record.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Layout of the value.</summary>
    internal RecordKind Kind => (RecordKind)_bytes[1];

    /// <summary>Class.</summary>
    internal RecordClass Class => (RecordClass)(_bytes[2] & RecordCodec.ClassMask);

    /// <summary>The record is deleted.</summary>
    internal bool IsTombstone => (_bytes[2] & RecordCodec.TombstoneBit) != 0;

    /// <summary>The service.</summary>
    internal ServiceId Service => new(BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]));

    /// <summary>Term and sequence of the write.</summary>
    internal RecordVersion Version => new(BinaryPrimitives.ReadUInt64BigEndian(_bytes[8..]));

    /// <summary>Milliseconds since the Unix epoch; 0 for never.</summary>
    internal long ExpiryMilliseconds => HasExpiry ? BinaryPrimitives.ReadInt64BigEndian(_bytes[RecordCodec.FixedBytes..]) : 0;

    /// <summary>The key; for a field of a hash a <see cref="HashFieldKey"/>.</summary>
    internal ReadOnlySpan<byte> Key => _bytes.Slice(KeyOffset, BinaryPrimitives.ReadUInt16BigEndian(_bytes[20..]));

    /// <summary>The value.</summary>
    internal ReadOnlySpan<byte> Value => _bytes[(_bytes.Length - BinaryPrimitives.ReadInt32BigEndian(_bytes[16..]))..];

    private bool HasExpiry => (_bytes[2] & RecordCodec.ExpiryBit) != 0;

    private int KeyOffset => HasExpiry ? RecordCodec.FixedBytes + RecordCodec.ExpiryBytes : RecordCodec.FixedBytes;

    /// <summary>Reads the record that fills the bytes.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out EncodedRecord record)
    {
        RecordParseResult result = TryParseFirst(bytes, out record, out int consumed);
        if (result != RecordParseResult.Ok || consumed == bytes.Length) return result;
        record = default;
        return RecordParseResult.TrailingBytes;
    }

    /// <summary>Reads the record at the beginning of the bytes.</summary>
    internal static RecordParseResult TryParseFirst(ReadOnlySpan<byte> bytes, out EncodedRecord record, out int consumed)
    {
        record = default;
        consumed = 0;
        if (bytes.Length < RecordCodec.FixedBytes) return RecordParseResult.Truncated;
        if (bytes[0] != (byte)MessageType.Record) return RecordParseResult.WrongType;
        byte attributes = bytes[2];
        if ((attributes & ~RecordCodec.KnownBits) != 0 || bytes[3] != 0) return RecordParseResult.BadAttributes;
        if ((attributes & RecordCodec.ClassMask) >= RecordCodec.ClassCount) return RecordParseResult.BadClass;
        bool hasExpiry = (attributes & RecordCodec.ExpiryBit) != 0;
        uint valueBytes = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]);
        int keyBytes = BinaryPrimitives.ReadUInt16BigEndian(bytes[20..]);
        long total = RecordCodec.FixedBytes + (hasExpiry ? RecordCodec.ExpiryBytes : 0) + keyBytes + (long)valueBytes;
        if (total > bytes.Length) return RecordParseResult.Truncated;
        var candidate = new EncodedRecord(bytes[..(int)total]);
        RecordParseResult form = candidate.CheckForm();
        if (form != RecordParseResult.Ok) return form;
        record = candidate;
        consumed = (int)total;
        return RecordParseResult.Ok;
    }

    private RecordParseResult CheckForm()
    {
        RecordVersion version = Version;
        if (version.Term == 0 || version.Sequence == 0) return RecordParseResult.BadNumber;
        if (HasExpiry && ExpiryMilliseconds is <= 0 or > RecordCodec.MaxExpiryMilliseconds) return RecordParseResult.BadNumber;
        if (IsTombstone && (HasExpiry || !Value.IsEmpty)) return RecordParseResult.BadForm;
        switch (Kind)
        {
            case RecordKind.Hash:
                return IsTombstone || Value.Length == RecordCodec.GenerationBytes ? RecordParseResult.Ok : RecordParseResult.BadForm;
            case RecordKind.HashField:
                return !HasExpiry && HashFieldKey.TryParse(Key, out _) ? RecordParseResult.Ok : RecordParseResult.BadForm;
            default:
                return RecordParseResult.Ok;
        }
    }
}

/// <summary>Writes what <see cref="EncodedRecord"/> reads.</summary>
internal static class RecordCodec
{
    /// <summary>Bytes before expiry, key and value.</summary>
    internal const int FixedBytes = 22;

    /// <summary>Bytes of the expiry when there is one.</summary>
    internal const int ExpiryBytes = 8;

    /// <summary>Bytes of a hash's value on the wire: its generation.</summary>
    internal const int GenerationBytes = 8;

    /// <summary>Number of classes (<see cref="RecordClass"/>).</summary>
    internal const int ClassCount = 4;

    /// <summary>Latest expiry: what a record's header has bits for.</summary>
    internal const long MaxExpiryMilliseconds = RecordHeader.MaxExpiryMilliseconds;

    internal const byte ClassMask = 0x07;
    internal const byte TombstoneBit = 0x08;
    internal const byte ExpiryBit = 0x10;
    internal const byte KnownBits = ClassMask | TombstoneBit | ExpiryBit;

    /// <summary>Bytes of a record on the wire.</summary>
    internal static int Bytes(int keyBytes, int valueBytes, bool hasExpiry) => FixedBytes + (hasExpiry ? ExpiryBytes : 0) + keyBytes + valueBytes;

    /// <summary>Writes a record.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(
        Span<byte> destination,
        ServiceId service,
        RecordKind kind,
        RecordClass recordClass,
        bool isTombstone,
        RecordVersion version,
        long expiryMilliseconds,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value)
    {
        bool hasExpiry = expiryMilliseconds != 0 && !isTombstone;
        destination[0] = (byte)MessageType.Record;
        destination[1] = (byte)kind;
        destination[2] = (byte)((byte)recordClass | (isTombstone ? TombstoneBit : 0) | (hasExpiry ? ExpiryBit : 0));
        destination[3] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], service.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], version.Value);
        BinaryPrimitives.WriteInt32BigEndian(destination[16..], value.Length);
        BinaryPrimitives.WriteUInt16BigEndian(destination[20..], (ushort)key.Length);
        int offset = FixedBytes;
        if (hasExpiry)
        {
            BinaryPrimitives.WriteInt64BigEndian(destination[offset..], expiryMilliseconds);
            offset += ExpiryBytes;
        }
        key.CopyTo(destination[offset..]);
        offset += key.Length;
        value.CopyTo(destination[offset..]);
        return offset + value.Length;
    }
}

using System.Buffers.Binary;
using Appliance.State;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>A write as it went into the group, read by docs/state.md and not by the product's own parser.</summary>
internal sealed class Write
{
    private const byte ClassBits = 7, TombstoneBit = 8, ExpiryBit = 16;
    private const int FixedBytes = 22, GenerationBytes = 8;

    /// <summary>Term and sequence.</summary>
    internal ulong Version { get; private init; }

    /// <summary>Layout of the value.</summary>
    internal byte Kind { get; private init; }

    /// <summary>Class.</summary>
    internal byte Class { get; private init; }

    /// <summary>A deletion.</summary>
    internal bool IsTombstone { get; private init; }

    /// <summary>Milliseconds since 1970; 0 for never.</summary>
    internal long Expiry { get; private init; }

    /// <summary>Number of the key.</summary>
    internal int Key { get; private init; }

    /// <summary>Number of the field; -1 for the key itself.</summary>
    internal int Field { get; private init; } = -1;

    /// <summary>Which making of the hash a field or a head belongs to; 0 for others.</summary>
    internal ulong Generation { get; private init; }

    /// <summary>The value.</summary>
    internal required byte[] Value { get; init; }

    /// <summary>Lives that held it when they ended, before it was acknowledged: their last report may have been on its way.</summary>
    internal List<MirrorLife> LateHolders { get; } = [];

    /// <summary>It is a hash's head.</summary>
    internal bool IsHash => Kind == (byte)RecordKind.Hash && !IsTombstone;

    /// <summary>Reads a record message.</summary>
    internal static Write Read(ReadOnlySpan<byte> message)
    {
        byte attributes = message[2];
        int valueBytes = (int)BinaryPrimitives.ReadUInt32BigEndian(message[16..]), keyBytes = BinaryPrimitives.ReadUInt16BigEndian(message[20..]);
        bool expires = (attributes & ExpiryBit) != 0;
        ReadOnlySpan<byte> rest = message[(FixedBytes + (expires ? sizeof(long) : 0))..];
        if (rest.Length != keyBytes + valueBytes || message[3] != 0 || attributes >= 2 * ExpiryBit) throw new InvariantViolation($"a record of {message.Length} B is not laid out as documented");
        ReadOnlySpan<byte> key = rest[..keyBytes], value = rest[keyBytes..];
        byte kind = message[1];
        bool isField = kind == (byte)RecordKind.HashField, isTombstone = (attributes & TombstoneBit) != 0;
        int field = -1;
        ulong generation = 0;
        if (isField) ReadFieldKey(key, out generation, out key, out field);
        else if (kind == (byte)RecordKind.Hash && !isTombstone) generation = BinaryPrimitives.ReadUInt64BigEndian(value);
        return new Write
        {
            Version = BinaryPrimitives.ReadUInt64BigEndian(message[8..]),
            Kind = kind,
            Class = (byte)(attributes & ClassBits),
            IsTombstone = isTombstone,
            Expiry = expires ? BinaryPrimitives.ReadInt64BigEndian(message[FixedBytes..]) : 0,
            Key = KeySpace.NumberOfKey(key),
            Field = field,
            Generation = generation,
            Value = value.ToArray(),
        };
    }

    /// <summary>Takes a field's key apart: generation, length of the hash's key, the key, the field.</summary>
    internal static void ReadFieldKey(ReadOnlySpan<byte> bytes, out ulong generation, out ReadOnlySpan<byte> key, out int field)
    {
        generation = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        int keyBytes = BinaryPrimitives.ReadUInt16BigEndian(bytes[GenerationBytes..]);
        key = bytes.Slice(GenerationBytes + sizeof(ushort), keyBytes);
        field = KeySpace.NumberOfField(bytes[(GenerationBytes + sizeof(ushort) + keyBytes)..]);
    }

    /// <summary>Whether a record of a table is this write.</summary>
    internal bool Matches(in RecordHeader header, ReadOnlySpan<byte> value)
    {
        bool alike = header.Version == Version && (byte)header.Kind == Kind && (byte)header.Class == Class && header.Tombstone == IsTombstone && header.ExpiryMilliseconds == Expiry;
        return alike && (IsHash ? value[..GenerationBytes] : value).SequenceEqual(Value);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Version >> 44}:{Version & ((1UL << 44) - 1)} key {Key}{(Field < 0 ? "" : $" field {Field}")} {(IsTombstone ? "deleted" : $"kind {Kind}, {Value.Length} B")}{(Generation == 0 ? "" : $", generation {Generation & ((1UL << 44) - 1)}")}{(Expiry == 0 ? "" : $", expires {Expiry}")}";
}

using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>The key under which a field of a hash is a record of its own: (generation, key, field).</summary>
/// <remarks>
/// <code>
///  0            8            10
///  | generation | key length | key | field
/// </code>
/// Integers are big-endian. The generation is the version of the write that created the hash: a hash that is deleted and made anew has a larger one, and
/// fields of an older one are dead without a word about each (ARCHITECTURE 5).
/// </remarks>
internal readonly ref struct HashFieldKey
{
    /// <summary>Bytes before the key.</summary>
    internal const int HeaderBytes = 10;

    private readonly ReadOnlySpan<byte> _bytes;

    private HashFieldKey(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Version of the write that created the hash.</summary>
    internal ulong Generation => BinaryPrimitives.ReadUInt64BigEndian(_bytes);

    /// <summary>Key of the hash.</summary>
    internal ReadOnlySpan<byte> Key => _bytes.Slice(HeaderBytes, KeyLength);

    /// <summary>Name of the field.</summary>
    internal ReadOnlySpan<byte> Field => _bytes[(HeaderBytes + KeyLength)..];

    private int KeyLength => BinaryPrimitives.ReadUInt16BigEndian(_bytes[8..]);

    /// <summary>Bytes of the whole.</summary>
    internal static int Bytes(int keyBytes, int fieldBytes) => HeaderBytes + keyBytes + fieldBytes;

    /// <summary>Views a field's key; after true no member can fail.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, out HashFieldKey view)
    {
        view = new HashFieldKey(bytes);
        return bytes.Length >= HeaderBytes && BinaryPrimitives.ReadUInt16BigEndian(bytes[8..]) <= bytes.Length - HeaderBytes;
    }

    /// <summary>Writes a field's key.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(Span<byte> destination, ulong generation, ReadOnlySpan<byte> key, ReadOnlySpan<byte> field)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, generation);
        BinaryPrimitives.WriteUInt16BigEndian(destination[8..], (ushort)key.Length);
        key.CopyTo(destination[HeaderBytes..]);
        field.CopyTo(destination[(HeaderBytes + key.Length)..]);
        return HeaderBytes + key.Length + field.Length;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Appliance.State;

/// <summary>Walks the records that <see cref="StateTable.ScanCopy"/> wrote into a buffer.</summary>
/// <remarks>Each stands as <c>RecordHeader | i32 key length | i32 value length | key | value</c>, unpadded, in this machine's byte order: never sent as it is.</remarks>
internal ref struct ScanCopyReader
{
    /// <summary>Bytes per record beside key and value.</summary>
    public static readonly int FramingBytes = Unsafe.SizeOf<RecordHeader>() + 2 * sizeof(int);

    private ReadOnlySpan<byte> _rest;

    /// <param name="filled">What the scan filled of its buffer.</param>
    public ScanCopyReader(ReadOnlySpan<byte> filled)
    {
        _rest = filled;
        Header = default;
        Key = default;
        Value = default;
    }

    /// <summary>The current record's header.</summary>
    public RecordHeader Header { get; private set; }

    /// <summary>The current record's key.</summary>
    public ReadOnlySpan<byte> Key { get; private set; }

    /// <summary>The current record's value.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Length of the first record's key.</summary>
    internal readonly int PeekKeyBytes() => MemoryMarshal.Read<int>(_rest[Unsafe.SizeOf<RecordHeader>()..]);

    /// <summary>Goes to the next record.</summary>
    public bool MoveNext()
    {
        if (_rest.IsEmpty) return false;
        int headerBytes = Unsafe.SizeOf<RecordHeader>();
        Header = MemoryMarshal.Read<RecordHeader>(_rest);
        int keyBytes = MemoryMarshal.Read<int>(_rest[headerBytes..]);
        int valueBytes = MemoryMarshal.Read<int>(_rest[(headerBytes + sizeof(int))..]);
        Key = _rest.Slice(FramingBytes, keyBytes);
        Value = _rest.Slice(FramingBytes + keyBytes, valueBytes);
        _rest = _rest[(FramingBytes + keyBytes + valueBytes)..];
        return true;
    }

    /// <summary>Writes one record.</summary>
    /// <returns>Bytes written; 0 when it does not fit.</returns>
    internal static int Write(Span<byte> destination, in RecordHeader header, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int total = FramingBytes + key.Length + value.Length;
        if (total > destination.Length) return 0;
        int headerBytes = Unsafe.SizeOf<RecordHeader>();
        MemoryMarshal.Write(destination, in header);
        MemoryMarshal.Write(destination[headerBytes..], key.Length);
        MemoryMarshal.Write(destination[(headerBytes + sizeof(int))..], value.Length);
        key.CopyTo(destination[FramingBytes..]);
        value.CopyTo(destination[(FramingBytes + key.Length)..]);
        return total;
    }
}

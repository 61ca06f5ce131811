using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <summary>A record in its slot.</summary>
/// <remarks>
/// <code>
///  0          4            6                8         16                               24
///  | sequence | key length | length, flags  | version | expiry 40, kind, service, writer | key | value area
///    length, flags: 0..10 length of the value, 2047 = it stands elsewhere; 11..12 class; 13 tombstone; 14..15 expiry bits 40..41
///    value area:  value                                 plain kinds, directly behind the key
///                 | link 0 u32 | link 1 u32 | value     linked kinds, at the next multiple of 8
///                 | place u32 | value length u32 |      when it stands elsewhere, at the next multiple of 8; there: the value area
/// </code>
/// Every slot has room for the last form, so a record never has to move when its value grows. The sequence is odd while the slot is
/// written or free. 24 bytes of header for a demand of 32 with the index (issue 2, StateTable).
/// </remarks>
internal readonly unsafe struct RecordSlot
{
    /// <summary>Bytes before the key.</summary>
    public const int HeaderBytes = 24;

    /// <summary>Bytes of the two links.</summary>
    public const int LinkBytes = 8;

    /// <summary>Bytes that say where a value stands.</summary>
    public const int PlaceBytes = 8;

    /// <summary>A record with its value beyond this has the value elsewhere, so that it can shrink.</summary>
    public const int MaxInlineBytes = 1024;

    private const int LengthMask = 0x7FF, Elsewhere = 0x7FF;
    private const int KindAt = 21;

    private readonly byte* _at;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RecordSlot(byte* address) => _at = address;

    /// <summary>The sequence lock.</summary>
    public ref uint Sequence
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref *(uint*)_at;
    }

    public int KeyLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => *(ushort*)(_at + 4);
    }

    public byte* Key
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _at + HeaderBytes;
    }

    public ulong Version => *(ulong*)(_at + 8);

    /// <summary>The slot holds a record. Writer thread, which never leaves a record half written.</summary>
    public bool IsLive => (*(uint*)_at & 1) == 0;

    public bool HasValueElsewhere
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Bits & LengthMask) == Elsewhere;
    }

    /// <summary>Length of a value that stands here.</summary>
    public int InlineLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Bits & LengthMask;
    }

    public RecordKind Kind
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (RecordKind)_at[KindAt];
    }

    public RecordHeader Header
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Version, *(ulong*)(_at + 16), Bits);
    }

    private ushort Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => *(ushort*)(_at + 6);
    }

    /// <summary>Bytes of a record with its value beside the key.</summary>
    public static int InlineBytes(int keyBytes, int valueBytes, bool linked) =>
        linked ? Align(HeaderBytes + keyBytes) + LinkBytes + valueBytes : HeaderBytes + keyBytes + valueBytes;

    /// <summary>Bytes that every slot of such a key has at least.</summary>
    public static int LeastBytes(int keyBytes) => Align(HeaderBytes + keyBytes) + PlaceBytes;

    /// <summary>The value area, when it stands here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* InlineArea(bool linked)
    {
        int end = HeaderBytes + KeyLength;
        return _at + (linked ? Align(end) : end);
    }

    /// <summary>Where the value area stands: place in the lower half, value length in the upper. Read and written as one word.</summary>
    public ref ulong Place
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref *(ulong*)(_at + Align(HeaderBytes + KeyLength));
    }

    /// <summary>Marks a slot that was never used as free.</summary>
    public static void InitialiseFree(byte* address) => Volatile.Write(ref *(uint*)address, 1);

    /// <summary>Readers that read from here on will try again. Not for slots that are free: those are so already.</summary>
    public void BeginWrite()
    {
        Sequence++;
        Volatile.WriteBarrier();
    }

    /// <summary>What was written is the record now.</summary>
    public void EndWrite() => Volatile.Write(ref Sequence, Sequence + 1);

    public void SetKeyLength(int length) => *(ushort*)(_at + 4) = (ushort)length;

    /// <summary>Writes all but sequence and key length. A negative length means elsewhere.</summary>
    public void SetHeader(in RecordHeader header, int inlineLength)
    {
        *(ushort*)(_at + 6) = (ushort)(header.Flags | (inlineLength < 0 ? Elsewhere : inlineLength));
        *(ulong*)(_at + 8) = header.Version;
        *(ulong*)(_at + 16) = header.Meta;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Align(int offset) => (offset + 7) & ~7;
}

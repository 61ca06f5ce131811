using System.Diagnostics;

namespace Appliance.State;

/// <summary>The records that this node retains (A10): one writer thread, any number of lock-free readers.</summary>
/// <remarks>
/// <para>
/// Writer thread: everything. Any thread: <see cref="Hash"/>, <see cref="TryGet(ReadOnlySpan{byte}, ulong, Span{byte}, out RecordHeader, out int)"/>, <see cref="GetBatch"/>, <see cref="ScanCopy"/>, the counters.
/// <see cref="Dispose"/> only when no reader is left.
/// </para>
/// <para>
/// Readers copy and validate. A record's sequence lock tells them that it changed under their hands; <see cref="SlabArena.LayoutEpoch"/> that memory
/// changed its meaning; <see cref="TableIndex.Migrated"/> that they looked into an old index. What they read may be torn until then, so no length is
/// followed before it is validated or known to stay within mapped memory, and memory of records and values is never unmapped while the table
/// lives. Old indexes are given back to the system at once, which reads as 'empty, look further', and unmapped by the collector when no reader
/// refers to them any more.
/// </para>
/// <para>Growth is incremental (StateTable.Growing.cs): an insert moves a few buckets, and new memory is brought in by <see cref="PageWorker"/>.</para>
/// </remarks>
internal sealed unsafe partial class StateTable : IDisposable
{
    /// <summary>Value areas beyond this have pages of their own.</summary>
    private const int MaxSlabValueBytes = 32 * 1024;

    private readonly BuzHash _hash;
    private readonly ulong _linkedKinds;
    private readonly int _maxKeyBytes, _maxValueBytes;
    private readonly SlabArena _arena;
    private readonly LargeValues _large;
    private readonly Usage[] _usage = new Usage[256 << 2];
    private long _maxBytes;
    private long _count;

    private struct Usage
    {
        public long Records, Tombstones, Bytes;
    }

    /// <summary>A table without records.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of its range.</exception>
    /// <exception cref="OutOfMemoryException">The kernel refuses the address space.</exception>
    public StateTable(StateTableOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(options.ExpectedRecords);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxKeyBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxKeyBytes, ushort.MaxValue);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxValueBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxValueBytes, LargeValues.MaxValueBytes - RecordSlot.LinkBytes);
        _hash = options.Hash;
        _linkedKinds = options.LinkedKinds;
        _maxKeyBytes = options.MaxKeyBytes;
        _maxValueBytes = options.MaxValueBytes;
        _maxBytes = options.MaxBytes;
        long fragmented = options.MaxBytes + options.MaxBytes / 4 + 4 * 1024 * 1024;
        _arena = new SlabArena(fragmented);
        _large = new LargeValues(options.MaxBytes);
        _index = new TableIndex(BucketsFor(options.ExpectedRecords), prepared: true);
        _expectedRecords = options.ExpectedRecords;
    }

    /// <summary>Records, tombstones included. Any thread.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>Bytes of native memory taken from the system: index, slabs with their free slots, large values. Any thread.</summary>
    public long BytesUsed => IndexBytes + _arena.ChunkBytesUsed + _large.BytesUsed;

    /// <summary>Bytes that the records and the index need: what <see cref="MaxBytes"/> limits. Any thread.</summary>
    public long BytesLive => IndexBytes + _arena.LiveBytes + _large.BytesUsed;

    /// <summary>
    /// Limit on <see cref="BytesLive"/>. <see cref="BytesUsed"/> may exceed it when the sizes of records change over time, but slabs never take more
    /// than what the options said, a quarter of that, and 4 MiB. Lowering it below what is used makes inserts fail, nothing else.
    /// </summary>
    public long MaxBytes
    {
        get => _maxBytes;
        set => _maxBytes = value;
    }

    /// <summary>Totals of one service and class. Writer thread.</summary>
    public RecordUsage UsageOf(byte service, RecordClass recordClass)
    {
        ref var usage = ref _usage[service << 2 | (int)recordClass];
        return new RecordUsage(usage.Records, usage.Tombstones, usage.Bytes);
    }

    /// <summary>The hash that the other members want beside the key. Any thread.</summary>
    public ulong Hash(ReadOnlySpan<byte> key) => _hash.Hash(key);

    /// <summary>Finds a record. Writer thread.</summary>
    /// <returns>Its handle, which stays the same for the record's life; 0 when absent.</returns>
    public uint Find(ReadOnlySpan<byte> key, ulong hash)
    {
        fixed (byte* bytes = key) return Find(bytes, key.Length, hash);
    }

    /// <summary>The record of a handle, until the next mutation. Writer thread.</summary>
    public RecordView View(uint handle)
    {
        var slot = SlotOf(handle);
        byte* value = ValueOf(slot, out int valueBytes);
        return new RecordView
        {
            Handle = handle,
            Header = slot.Header,
            Key = new ReadOnlySpan<byte>(slot.Key, slot.KeyLength),
            Value = new ReadOnlySpan<byte>(value, valueBytes),
        };
    }

    /// <summary>Inserts a record or replaces header and value of the one that has the key. Writer thread.</summary>
    /// <remarks>The links of a replaced record stay when both kinds are linked, and are 0 otherwise.</remarks>
    /// <param name="key">At most <see cref="StateTableOptions.MaxKeyBytes"/>.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="header">The new header.</param>
    /// <param name="value">At most <see cref="StateTableOptions.MaxValueBytes"/>. Must not be a part of this table.</param>
    /// <param name="outcome">What happened; <see cref="UpsertOutcome.Full"/> leaves everything as it was.</param>
    /// <returns>The record's handle; 0 when full and absent.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Key or value is too long.</exception>
    public uint Upsert(ReadOnlySpan<byte> key, ulong hash, in RecordHeader header, ReadOnlySpan<byte> value, out UpsertOutcome outcome)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, _maxKeyBytes, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, _maxValueBytes, nameof(value));
        StepGrowth();
        fixed (byte* keyBytes = key, valueBytes = value)
        {
            uint handle = Find(keyBytes, key.Length, hash);
            if (handle != 0)
            {
                outcome = Replace(handle, header, valueBytes, value.Length) ? UpsertOutcome.Replaced : UpsertOutcome.Full;
                return handle;
            }
            handle = Insert(keyBytes, key.Length, hash, header, valueBytes, value.Length);
            outcome = handle != 0 ? UpsertOutcome.Inserted : UpsertOutcome.Full;
            return handle;
        }
    }

    /// <summary>Replaces a record's header and leaves its value. The kind must not change between linked and not linked. Writer thread.</summary>
    public void SetHeader(uint handle, in RecordHeader header)
    {
        var slot = SlotOf(handle);
        var old = slot.Header;
        Debug.Assert(IsLinked(old.Kind) == IsLinked(header.Kind));
        ValueOf(slot, out int valueBytes);
        Account(old, slot.KeyLength + valueBytes, -1);
        slot.BeginWrite();
        slot.SetHeader(header, slot.HasValueElsewhere ? -1 : valueBytes);
        slot.EndWrite();
        Account(header, slot.KeyLength + valueBytes, 1);
    }

    /// <summary>Removes a record; its handle may be given to another. Writer thread.</summary>
    public void Remove(uint handle)
    {
        var slot = SlotOf(handle);
        ulong hash = _hash.Hash(slot.Key, slot.KeyLength);
        var index = IndexOf(hash, out _);
        WithdrawEntry(index, index.PlaceOf(hash, handle));

        ValueOf(slot, out int valueBytes);
        Account(slot.Header, slot.KeyLength + valueBytes, -1);
        Volatile.Write(ref _count, _count - 1);
        FreeSlot(handle, slot, valueBytes);
    }

    /// <summary>
    /// Moves a record into the smallest slot that holds it, when that is smaller than the one it has. For records that shrank for good, such as
    /// tombstones: a record otherwise keeps the slot that its first value got. Links move along; who refers to it by handle must follow. Writer thread.
    /// </summary>
    /// <returns>The record's handle from now on: the same one when there was nothing to gain.</returns>
    public uint Compact(uint handle)
    {
        var slot = SlotOf(handle);
        if (slot.HasValueElsewhere) return handle;
        bool linked = IsLinked(slot.Kind);
        int valueBytes = slot.InlineLength;
        int sizeClass = SizeClasses.IndexOf(Math.Max(RecordSlot.InlineBytes(slot.KeyLength, valueBytes, linked), RecordSlot.LeastBytes(slot.KeyLength)));
        if (SizeClasses.BytesOf(sizeClass) >= _arena.SlotBytes(handle)) return handle;
        uint smaller = _arena.Allocate(SlotUse.Record, sizeClass);
        if (smaller == 0) return handle;

        ulong hash = _hash.Hash(slot.Key, slot.KeyLength);
        var index = IndexOf(hash, out _);
        var place = index.PlaceOf(hash, handle);
        var target = SlotOf(smaller);
        int bytes = (int)(slot.InlineArea(linked) - slot.Key) + valueBytes + (linked ? RecordSlot.LinkBytes : 0);
        target.SetKeyLength(slot.KeyLength);
        target.SetHeader(slot.Header, valueBytes);
        ByteBlocks.Copy(target.Key, slot.Key, bytes);
        target.EndWrite();
        Volatile.Write(ref TableIndex.Handle(place.Bucket, place.Lane), smaller);
        FreeSlot(handle, slot, valueBytes);
        return smaller;
    }

    /// <summary>First of two words that the owner defines, for records of linked kinds only. Valid until the next mutation. Writer thread.</summary>
    public ref uint Link0(uint handle) => ref Links(handle)[0];

    /// <summary>Second of two words that the owner defines.</summary>
    public ref uint Link1(uint handle) => ref Links(handle)[1];

    /// <summary>Gives the memory back. No other thread may be reading.</summary>
    public void Dispose()
    {
        for (var index = _index; index is not null; index = index.Next) index.Dispose();
        _arena.Dispose();
        _large.Dispose();
    }
}

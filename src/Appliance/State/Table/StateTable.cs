namespace Appliance.State;

/// <summary>The records that this node retains (A10): one writer thread, any number of lock-free readers.</summary>
/// <remarks>
/// Writer thread: everything. Any thread: <see cref="Hash"/>, <see cref="TryGet"/>, <see cref="GetBatch"/>, <see cref="ScanCopy"/>, the counters.
/// <see cref="Dispose"/> only when no reader is left.
/// </remarks>
internal sealed class StateTable : IDisposable
{
    private readonly StateTableOptions _options;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, List<uint>> _byHash = [];
    private readonly Dictionary<uint, Entry> _entries = [];
    private readonly RecordUsage[] _usage = new RecordUsage[1024];
    private uint _next = 1;

    private sealed class Entry
    {
        public required byte[] Key;
        public required ulong Hash;
        public RecordHeader Header;
        public byte[] Value = [];
        public uint Link0, Link1;
    }

    public StateTable(StateTableOptions options)
    {
        _options = options;
        MaxBytes = options.MaxBytes;
    }

    /// <summary>Records, tombstones included. Any thread.</summary>
    public long Count => _entries.Count;

    /// <summary>Bytes of native memory held: index and slabs. Any thread.</summary>
    public long BytesUsed { get; private set; }

    /// <summary>Limit on <see cref="BytesUsed"/>. Lowering it below what is used makes inserts fail, nothing else.</summary>
    public long MaxBytes { get; set; }

    /// <summary>Totals of one service and class. Writer thread.</summary>
    public RecordUsage UsageOf(byte service, RecordClass recordClass) => _usage[service << 2 | (int)recordClass];

    /// <summary>The hash that the other members want beside the key. Any thread.</summary>
    public ulong Hash(ReadOnlySpan<byte> key) => _options.Hash.Hash(key);

    /// <summary>Starts to load the bucket of a hash. First stage of applying a run: do it for all keys of the run.</summary>
    public void PrefetchBucket(ulong hash) => _ = hash;

    /// <summary>Starts to load the record of a hash, whose bucket should have arrived. Second stage.</summary>
    public void PrefetchRecord(ulong hash) => _ = hash;

    /// <summary>Finds a record. Writer thread.</summary>
    /// <returns>Its handle, which stays the same for the record's life; 0 when absent.</returns>
    public uint Find(ReadOnlySpan<byte> key, ulong hash)
    {
        if (!_byHash.TryGetValue(hash, out var handles)) return 0;
        foreach (uint handle in handles)
        {
            if (key.SequenceEqual(_entries[handle].Key)) return handle;
        }
        return 0;
    }

    /// <summary>Finds many records at once, with their memory accesses overlapped. Writer thread.</summary>
    /// <param name="bytes">Where the keys stand.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="hashes">Receives their hashes.</param>
    /// <param name="handles">Receives their handles; 0 for what is absent.</param>
    public void FindBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<BatchKey> keys, Span<ulong> hashes, Span<uint> handles)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            var key = bytes.Slice(keys[i].Offset, keys[i].Length);
            hashes[i] = Hash(key);
            handles[i] = Find(key, hashes[i]);
        }
    }

    /// <summary>The record of a handle, until the next mutation. Writer thread.</summary>
    public RecordView View(uint handle)
    {
        var entry = _entries[handle];
        return new RecordView { Handle = handle, Header = entry.Header, Key = entry.Key, Value = entry.Value };
    }

    /// <summary>Inserts a record or replaces header and value of the one that has the key. Writer thread.</summary>
    /// <remarks>The links of a replaced record stay when both kinds are linked, and are 0 otherwise.</remarks>
    /// <param name="key">At most <see cref="StateTableOptions.MaxKeyBytes"/>.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="header">The new header.</param>
    /// <param name="value">At most <see cref="StateTableOptions.MaxValueBytes"/>. Must not be a part of this table.</param>
    /// <param name="outcome">What happened; <see cref="UpsertOutcome.Full"/> leaves everything as it was.</param>
    /// <returns>The record's handle; 0 when full and absent.</returns>
    public uint Upsert(ReadOnlySpan<byte> key, ulong hash, in RecordHeader header, ReadOnlySpan<byte> value, out UpsertOutcome outcome)
    {
        lock (_lock)
        {
            uint handle = Find(key, hash);
            int freed = handle == 0 ? 0 : key.Length + _entries[handle].Value.Length + 32;
            if (BytesUsed - freed + key.Length + value.Length + 32 > MaxBytes)
            {
                outcome = UpsertOutcome.Full;
                return handle;
            }
            outcome = handle == 0 ? UpsertOutcome.Inserted : UpsertOutcome.Replaced;
            if (handle == 0)
            {
                handle = _next++;
                _entries[handle] = new Entry { Key = key.ToArray(), Hash = hash };
                if (!_byHash.TryGetValue(hash, out var handles)) _byHash[hash] = handles = [];
                handles.Add(handle);
            }
            else
            {
                Account(_entries[handle], -1);
            }
            var entry = _entries[handle];
            entry.Header = header;
            entry.Value = value.ToArray();
            Account(entry, 1);
            return handle;
        }
    }

    /// <summary>Replaces a record's header and leaves its value. The kind must not change between linked and not linked. Writer thread.</summary>
    public void SetHeader(uint handle, in RecordHeader header)
    {
        lock (_lock)
        {
            Account(_entries[handle], -1);
            _entries[handle].Header = header;
            Account(_entries[handle], 1);
        }
    }

    /// <summary>Removes a record; its handle may be given to another. Writer thread.</summary>
    public void Remove(uint handle)
    {
        lock (_lock)
        {
            var entry = _entries[handle];
            Account(entry, -1);
            _entries.Remove(handle);
            _byHash[entry.Hash].Remove(handle);
            if (_byHash[entry.Hash].Count == 0) _byHash.Remove(entry.Hash);
        }
    }

    /// <summary>
    /// Moves a record into the smallest slot that holds it, when that is smaller than the one it has. For records that shrank for good, such as
    /// tombstones: a record otherwise keeps the slot that its first value got. Links move along; who refers to it by handle must follow. Writer thread.
    /// </summary>
    /// <returns>The record's handle from now on: the same one when there was nothing to gain.</returns>
    public uint Compact(uint handle) => handle;

    /// <summary>First of two words that the owner defines, for records of linked kinds only. Valid until the next mutation. Writer thread.</summary>
    public ref uint Link0(uint handle) => ref _entries[handle].Link0;

    /// <summary>Second of two words that the owner defines.</summary>
    public ref uint Link1(uint handle) => ref _entries[handle].Link1;

    /// <summary>Copies a record. Any thread, lock-free.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="valueDestination">Receives the value when it fits; otherwise nothing is copied.</param>
    /// <param name="header">The record's header.</param>
    /// <param name="valueBytes">Length of the value, also when it did not fit.</param>
    /// <returns>False when the key has no record.</returns>
    public bool TryGet(ReadOnlySpan<byte> key, ulong hash, Span<byte> valueDestination, out RecordHeader header, out int valueBytes)
    {
        lock (_lock)
        {
            uint handle = Find(key, hash);
            header = default;
            valueBytes = 0;
            if (handle == 0) return false;
            var entry = _entries[handle];
            header = entry.Header;
            valueBytes = entry.Value.Length;
            entry.Value.AsSpan().TryCopyTo(valueDestination);
            return true;
        }
    }

    /// <summary>Copies many records, with their memory accesses overlapped. Any thread, lock-free.</summary>
    /// <param name="bytes">Where the keys stand.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="values">Receives the values, one every <paramref name="valueStride"/> bytes.</param>
    /// <param name="valueStride">Room for each value.</param>
    /// <param name="results">Receives what was found for each key.</param>
    /// <returns>How many were found.</returns>
    public int GetBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<BatchKey> keys, Span<byte> values, int valueStride, Span<BatchResult> results)
    {
        int found = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            var key = bytes.Slice(keys[i].Offset, keys[i].Length);
            bool hit = TryGet(key, Hash(key), values.Slice(i * valueStride, valueStride), out var header, out int valueBytes);
            results[i] = new BatchResult(hit, valueBytes, header);
            if (hit) found++;
        }
        return found;
    }

    /// <summary>
    /// Visits records in the order of their hashes. Every record present from the first call to the last is returned, also while the table grows;
    /// one that was there all the time exactly once. Writer thread; mutations between calls are allowed, also of the records returned.
    /// </summary>
    /// <param name="cursor">0 starts; 0 after the call means that the scan is complete.</param>
    /// <param name="handles">Receives handles.</param>
    /// <returns>How many; 0 is possible before the end.</returns>
    public int Scan(ref ulong cursor, Span<uint> handles)
    {
        int count = 0;
        foreach (var (hash, list) in _byHash)
        {
            if (hash < cursor) continue;
            if (count + list.Count > handles.Length)
            {
                cursor = hash;
                return count;
            }
            foreach (uint handle in list) handles[count++] = handle;
        }
        cursor = 0;
        return count;
    }

    /// <summary>The same walk as <see cref="Scan"/>, copying records into a buffer (read it with <see cref="ScanCopyReader"/>). Any thread, lock-free.</summary>
    /// <param name="cursor">0 starts; 0 after the call means that the scan is complete.</param>
    /// <param name="buffer">Receives records. Must hold the largest: <see cref="ScanCopyReader.FramingBytes"/> + key + value.</param>
    /// <param name="records">How many were copied.</param>
    /// <returns>Bytes filled; 0 is possible before the end.</returns>
    /// <exception cref="ArgumentException">The next record alone does not fit.</exception>
    public int ScanCopy(ref ulong cursor, Span<byte> buffer, out int records)
    {
        lock (_lock)
        {
            records = 0;
            int filled = 0;
            foreach (var (hash, list) in _byHash)
            {
                if (hash < cursor) continue;
                foreach (uint handle in list)
                {
                    var entry = _entries[handle];
                    int written = ScanCopyReader.Write(buffer[filled..], entry.Header, entry.Key, entry.Value);
                    if (written == 0)
                    {
                        if (filled == 0) throw new ArgumentException("The next record does not fit.", nameof(buffer));
                        cursor = hash;
                        return filled;
                    }
                    filled += written;
                    records++;
                }
            }
            cursor = 0;
            return filled;
        }
    }

    /// <summary>
    /// Walks the memory of the records (not in hash order; linear, so it is fast) and returns those that a filter wants: for expired records and
    /// collectable tombstones, a bounded step at a time. Writer thread.
    /// </summary>
    /// <param name="cursor">0 starts; 0 after the call means that every slot was visited.</param>
    /// <param name="slots">Records to look at, at most.</param>
    /// <param name="filter">Chooses.</param>
    /// <param name="handles">Receives handles; the call ends when it is full.</param>
    /// <returns>How many.</returns>
    public int Sweep<TFilter>(ref ulong cursor, int slots, ref TFilter filter, Span<uint> handles) where TFilter : struct, IRecordFilter
    {
        int count = 0;
        foreach (uint handle in _entries.Keys.Order())
        {
            if (handle < cursor) continue;
            if (slots-- == 0 || count == handles.Length)
            {
                cursor = handle;
                return count;
            }
            if (filter.Wants(_entries[handle].Header)) handles[count++] = handle;
        }
        cursor = 0;
        return count;
    }

    /// <summary>Returns some records that a filter wants, from random places: for eviction, take the oldest of them. Writer thread.</summary>
    /// <param name="random">A random number; the same gives the same places.</param>
    /// <param name="slots">Slots to look at, at most.</param>
    /// <param name="filter">Chooses.</param>
    /// <param name="handles">Receives handles; the call ends when it is full.</param>
    /// <returns>How many; 0 does not mean that there are none.</returns>
    public int Sample<TFilter>(ulong random, int slots, ref TFilter filter, Span<uint> handles) where TFilter : struct, IRecordFilter
    {
        int count = 0;
        uint[] all = [.. _entries.Keys];
        for (int i = 0; i < slots && count < handles.Length && i < all.Length; i++)
        {
            uint handle = all[(random + (ulong)i) % (ulong)all.Length];
            if (filter.Wants(_entries[handle].Header)) handles[count++] = handle;
        }
        return count;
    }

    /// <summary>Goes on with a growth in progress, as every mutation does anyway. For idle time. Writer thread.</summary>
    /// <param name="buckets">Buckets to move, at most; about a microsecond each.</param>
    /// <returns>True while more is left.</returns>
    public bool Grow(int buckets) => false;

    /// <summary>Sizes the index for so many records, when memory allows: before a resynchronisation whose size is known. Bounded, at once. Writer thread.</summary>
    public void Reserve(long records) => _ = records;

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
    }

    private void Account(Entry entry, int sign)
    {
        ref var usage = ref _usage[entry.Header.Service << 2 | (int)entry.Header.Class];
        int bytes = entry.Key.Length + entry.Value.Length;
        usage = new RecordUsage(usage.Records + sign, usage.Tombstones + (entry.Header.Tombstone ? sign : 0), usage.Bytes + sign * bytes);
        BytesUsed += sign * (bytes + 32);
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <content>Lookups by readers on any thread, and by the writer in batches.</content>
internal sealed unsafe partial class StateTable
{
    /// <summary>A batch is a pipeline: a key's record is prefetched so many keys after its bucket, and read as many after that.</summary>
    private const int PipelineLag = 8;

    /// <summary>Hashes under way; a power of two above twice the lag.</summary>
    private const int PipelineKeys = 32;

    /// <summary>Starts to load the bucket of a hash. First stage of applying a run: do it for all keys of the run (a few dozen).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchBucket(ulong hash)
    {
        var index = IndexOf(hash, out ulong home);
        index.Prefetch(home);
    }

    /// <summary>Starts to load the record of a hash, whose bucket should have arrived. Second stage, again for all keys; then look up or upsert.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchRecord(ulong hash)
    {
        var index = IndexOf(hash, out ulong home);
        byte* bucket = index.Bucket(home);
        uint match = TableIndex.Match(bucket, TableIndex.TagOf(hash));
        if (match != 0) PrefetchSlot(TableIndex.Handle(bucket, BitOperations.TrailingZeroCount(match)));
        GC.KeepAlive(index);
    }

    /// <summary>Finds many records at once, with their memory accesses overlapped. Writer thread.</summary>
    /// <param name="bytes">Where the keys stand.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="hashes">Receives their hashes.</param>
    /// <param name="handles">Receives their handles; 0 for what is absent.</param>
    public void FindBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<BatchKey> keys, Span<ulong> hashes, Span<uint> handles)
    {
        CheckBatch(bytes, keys);
        ArgumentOutOfRangeException.ThrowIfLessThan(hashes.Length, keys.Length, nameof(hashes));
        ArgumentOutOfRangeException.ThrowIfLessThan(handles.Length, keys.Length, nameof(handles));
        fixed (byte* start = bytes)
        fixed (ulong* hash = hashes)
        {
            for (int i = 0; i < keys.Length + 2 * PipelineLag; i++)
            {
                if (i < keys.Length) hash[i] = HashAndPrefetch(start, keys[i]);
                int second = i - PipelineLag, third = second - PipelineLag;
                if ((uint)second < (uint)keys.Length) PrefetchRecord(hash[second]);
                if (third >= 0) handles[third] = Find(start + keys[third].Offset, keys[third].Length, hash[third]);
            }
        }
    }

    /// <summary>Copies a record. Any thread, lock-free.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="valueDestination">Receives the value when it fits; otherwise what it contains is undefined.</param>
    /// <param name="header">The record's header.</param>
    /// <param name="valueBytes">Length of the value, also when it did not fit.</param>
    /// <returns>False when the key has no record.</returns>
    public bool TryGet(ReadOnlySpan<byte> key, ulong hash, Span<byte> valueDestination, out RecordHeader header, out int valueBytes)
    {
        fixed (byte* bytes = key, destination = valueDestination)
        {
            return TryGet(bytes, key.Length, hash, destination, valueDestination.Length, out header, out valueBytes);
        }
    }

    /// <summary>Copies many records, with their memory accesses overlapped. Any thread, lock-free.</summary>
    /// <param name="bytes">Where the keys stand.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="values">Receives the values, one every <paramref name="valueStride"/> bytes.</param>
    /// <param name="valueStride">Room for each value.</param>
    /// <param name="results">Receives what was found for each key.</param>
    /// <returns>How many were found.</returns>
    [SkipLocalsInit]
    public int GetBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<BatchKey> keys, Span<byte> values, int valueStride, Span<BatchResult> results)
    {
        CheckBatch(bytes, keys);
        ArgumentOutOfRangeException.ThrowIfNegative(valueStride);
        ArgumentOutOfRangeException.ThrowIfLessThan(values.Length, (long)keys.Length * valueStride, nameof(values));
        ArgumentOutOfRangeException.ThrowIfLessThan(results.Length, keys.Length, nameof(results));
        ulong* hashes = stackalloc ulong[PipelineKeys];
        int found = 0;
        fixed (byte* start = bytes, destination = values)
        {
            for (int i = 0; i < keys.Length + 2 * PipelineLag; i++)
            {
                if (i < keys.Length) hashes[i % PipelineKeys] = HashAndPrefetch(start, keys[i]);
                int second = i - PipelineLag, third = second - PipelineLag;
                if ((uint)second < (uint)keys.Length) PrefetchRecord(hashes[second % PipelineKeys]);
                if (third < 0) continue;
                bool hit = TryGet(start + keys[third].Offset, keys[third].Length, hashes[third % PipelineKeys],
                    destination + (long)third * valueStride, valueStride, out var header, out int valueBytes);
                results[third] = new BatchResult(hit, valueBytes, header);
                if (hit) found++;
            }
        }
        return found;
    }

    private static void CheckBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<BatchKey> keys)
    {
        foreach (ref readonly var key in keys)
        {
            if ((ulong)(uint)key.Offset + (uint)key.Length > (uint)bytes.Length) throw new ArgumentOutOfRangeException(nameof(keys));
        }
    }

    /// <summary>
    /// First stage of the pipeline. Overlapping the memory accesses of many keys makes a lookup five times as fast as one key after the other; in a
    /// pipeline they are spread evenly, where phases would exceed at times what the processor can have under way (perf/Macro, table).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong HashAndPrefetch(byte* start, BatchKey key)
    {
        ulong hash = _hash.Hash(start + key.Offset, key.Length);
        PrefetchBucket(hash);
        return hash;
    }

    /// <summary>What nine of ten lookups need: the record is at home, whole, and its value beside the key. Everything else starts over.</summary>
    private bool TryGet(byte* key, int keyBytes, ulong hash, byte* destination, int destinationBytes, out RecordHeader header, out int valueBytes)
    {
        var arena = _arena;
        ulong epoch = arena.LayoutEpoch;
        var index = Volatile.Read(ref _index);
        byte* bucket = index.Bucket(index.HomeOf(hash));
        uint match = TableIndex.Match(bucket, TableIndex.TagOf(hash));
        Volatile.ReadBarrier();
        if (match == 0) return TryGetAnywhere(key, keyBytes, hash, destination, destinationBytes, out header, out valueBytes);

        var slot = new RecordSlot(arena.Address(Volatile.Read(ref TableIndex.Handle(bucket, BitOperations.TrailingZeroCount(match)))));
        uint sequence = Volatile.Read(ref slot.Sequence);
        int length = slot.InlineLength;
        header = slot.Header;
        // Nothing that is read here leads to an address, and the lengths stay within mapped memory: see TryGetAnywhere.
        bool plain = (sequence & 1) == 0 && slot.KeyLength == keyBytes && !slot.HasValueElsewhere && length <= destinationBytes && !IsLinked(header.Kind);
        if (plain && ByteBlocks.AreEqual(slot.Key, key, keyBytes))
        {
            ByteBlocks.Copy(destination, slot.Key + keyBytes, length);
            Volatile.ReadBarrier();
            if (slot.Sequence == sequence && arena.LayoutEpoch == epoch)
            {
                GC.KeepAlive(index);
                valueBytes = length;
                return true;
            }
        }
        return TryGetAnywhere(key, keyBytes, hash, destination, destinationBytes, out header, out valueBytes);
    }

    /// <remarks>
    /// A slot whose key differs is passed over without validation: where the key's record stands, its key bytes never change. Nothing that is
    /// read from a slot leads to an address before the sequence lock confirmed it, except lengths of at most a key and an inline value, which stay
    /// within mapped memory (<see cref="PreparedRegion"/>).
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryGetAnywhere(byte* key, int keyBytes, ulong hash, byte* destination, int destinationBytes, out RecordHeader header, out int valueBytes)
    {
        byte tag = TableIndex.TagOf(hash);
        var spin = default(SpinWait);
        while (true)
        {
            ulong epoch = _arena.LayoutEpoch;
            var index = IndexOf(hash, out ulong homeBucket);
            byte* home = index.Bucket(homeBucket);
            ulong moves = index.Moves;
            bool disturbed = false;
            int probe = 0;
            for (byte* bucket = home; bucket != null && !disturbed; bucket = index.NextAway(home, ref probe))
            {
                uint match = TableIndex.Match(bucket, tag);
                Volatile.ReadBarrier();
                for (; match != 0; match &= match - 1)
                {
                    uint handle = Volatile.Read(ref TableIndex.Handle(bucket, BitOperations.TrailingZeroCount(match)));
                    if (handle == 0) continue;      // an index that was given back meanwhile
                    var slot = SlotOf(handle);
                    uint sequence = Volatile.Read(ref slot.Sequence);
                    if (slot.KeyLength != keyBytes || !ByteBlocks.AreEqual(slot.Key, key, keyBytes)) continue;
                    if ((sequence & 1) == 0 && TryCopy(slot, sequence, destination, destinationBytes, out header, out valueBytes)
                        && _arena.LayoutEpoch == epoch)
                    {
                        GC.KeepAlive(index);
                        return true;
                    }
                    disturbed = true;
                    break;
                }
            }
            Volatile.ReadBarrier();
            if (!disturbed && homeBucket >= index.Migrated && index.Moves == moves)
            {
                GC.KeepAlive(index);
                header = default;
                valueBytes = 0;
                return false;
            }
            if (disturbed) spin.SpinOnce();
        }
    }

    /// <summary>Copies header and value; false when the record changed meanwhile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryCopy(RecordSlot slot, uint sequence, byte* destination, int destinationBytes, out RecordHeader header, out int valueBytes)
    {
        header = slot.Header;
        bool linked = IsLinked(header.Kind);
        byte* value;
        if (!slot.HasValueElsewhere)
        {
            valueBytes = slot.InlineLength;
            value = slot.InlineArea(linked);
        }
        else
        {
            ulong place = Volatile.Read(ref slot.Place);
            valueBytes = (int)(place >> 32);
            Volatile.ReadBarrier();
            if (slot.Sequence != sequence) return false;
            value = AddressOf((uint)place, AreaBytes(valueBytes, linked));
        }
        if (linked) value += RecordSlot.LinkBytes;
        if (valueBytes <= destinationBytes) ByteBlocks.Copy(destination, value, valueBytes);
        Volatile.ReadBarrier();
        return slot.Sequence == sequence;
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <content>Lookups by readers on any thread, and by the writer in batches.</content>
internal sealed unsafe partial class StateTable
{
    /// <summary>Keys whose memory accesses overlap. More than the processor can have under way gains nothing.</summary>
    private const int BatchKeys = 32;

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
            for (int first = 0; first < keys.Length; first += BatchKeys)
            {
                int end = Math.Min(first + BatchKeys, keys.Length);
                Prefetch(start, keys[first..end], hash + first);
                for (int i = first; i < end; i++) handles[i] = Find(start + keys[i].Offset, keys[i].Length, hash[i]);
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
        ulong* hashes = stackalloc ulong[BatchKeys];
        int found = 0;
        fixed (byte* start = bytes, destination = values)
        {
            for (int first = 0; first < keys.Length; first += BatchKeys)
            {
                int end = Math.Min(first + BatchKeys, keys.Length);
                Prefetch(start, keys[first..end], hashes);
                for (int i = first; i < end; i++)
                {
                    bool hit = TryGet(start + keys[i].Offset, keys[i].Length, hashes[i - first], destination + (long)i * valueStride, valueStride,
                        out var header, out int valueBytes);
                    results[i] = new BatchResult(hit, valueBytes, header);
                    if (hit) found++;
                }
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

    /// <summary>All hashes and buckets first, then all records: five times as fast as one key after the other (perf/Macro, table).</summary>
    private void Prefetch(byte* start, ReadOnlySpan<BatchKey> keys, ulong* hashes)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            hashes[i] = _hash.Hash(start + keys[i].Offset, keys[i].Length);
            PrefetchBucket(hashes[i]);
        }
        for (int i = 0; i < keys.Length; i++) PrefetchRecord(hashes[i]);
    }

    /// <remarks>
    /// A slot whose key differs is passed over without validation: where the key's record stands, its key bytes never change. Nothing that is
    /// read from a slot leads to an address before the sequence lock confirmed it, except lengths of at most a key and an inline value, which stay
    /// within mapped memory (<see cref="PreparedRegion"/>).
    /// </remarks>
    private bool TryGet(byte* key, int keyBytes, ulong hash, byte* destination, int destinationBytes, out RecordHeader header, out int valueBytes)
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
                    if (handle == 0) continue;      // an old index that was given back
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

using System.Numerics;
using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <content>Walks in the order of the hashes.</content>
/// <remarks>
/// A cursor is the lowest hash that was not visited. The home of a hash is monotone in it, so a bucket is a range of hashes in every generation
/// of the index, and what is returned for a bucket is exactly what has its hash in the range.
/// </remarks>
internal sealed unsafe partial class StateTable
{
    /// <summary>Fewest handles that <see cref="Scan"/> wants room for.</summary>
    public const int MinScanHandles = 16;

    private const int BucketsPerScan = 4096;
    private const int MaxCandidates = TableIndex.Lanes * (TableIndex.MaxProbes + 1);

    /// <summary>
    /// Visits records in the order of their hashes. Every record that is present from the first call to the last is returned exactly once, also
    /// while the table grows. Writer thread; mutations between calls are allowed, also of the records returned.
    /// </summary>
    /// <param name="cursor">0 starts; 0 after the call means that the scan is complete.</param>
    /// <param name="handles">Receives handles; room for at least <see cref="MinScanHandles"/>.</param>
    /// <returns>How many; 0 is possible before the end.</returns>
    [SkipLocalsInit]
    public int Scan(ref ulong cursor, Span<uint> handles)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(handles.Length, MinScanHandles, nameof(handles));
        ulong* hashes = stackalloc ulong[MaxCandidates];
        uint* found = stackalloc uint[MaxCandidates];
        int filled = 0;
        for (int step = 0; step < BucketsPerScan; step++)
        {
            var index = RangeOf(cursor, out ulong bucket, out ulong last);
            int count = Collect(index, bucket, cursor, last, hashes, found);
            int room = Math.Min(count, handles.Length - filled);
            // Records of one hash stay together: the cursor cannot point between them.
            while (room < count && room > 0 && hashes[room - 1] == hashes[room]) room--;
            if (room < count && room + filled == 0) throw new ArgumentException("Too little room for the records of one hash.", nameof(handles));
            new ReadOnlySpan<uint>(found, room).CopyTo(handles[filled..]);
            filled += room;
            if (room < count)
            {
                cursor = hashes[room];
                return filled;
            }
            cursor = last + 1;
            if (cursor == 0 || filled == handles.Length) return filled;
        }
        return filled;
    }

    /// <summary>The same walk as <see cref="Scan"/>, copying records into a buffer (read it with <see cref="ScanCopyReader"/>). Any thread, lock-free.</summary>
    /// <param name="cursor">0 starts; 0 after the call means that the scan is complete.</param>
    /// <param name="buffer">Receives records. Must hold the largest: <see cref="ScanCopyReader.FramingBytes"/> + key + value.</param>
    /// <param name="records">How many were copied.</param>
    /// <returns>Bytes filled; 0 is possible before the end.</returns>
    /// <exception cref="ArgumentException">The next record alone does not fit.</exception>
    [SkipLocalsInit]
    public int ScanCopy(ref ulong cursor, Span<byte> buffer, out int records)
    {
        ulong* hashes = stackalloc ulong[MaxCandidates];
        uint* found = stackalloc uint[MaxCandidates];
        var spin = default(SpinWait);
        ulong start = cursor;
        int filled = 0;
        records = 0;
        for (int step = 0; step < BucketsPerScan;)
        {
            ulong epoch = _arena.LayoutEpoch;
            var index = RangeOf(cursor, out ulong bucket, out ulong last);
            ulong moves = index.Moves;
            int count = Collect(index, bucket, cursor, last, hashes, found);
            Volatile.ReadBarrier();
            bool intact = count >= 0 && bucket >= index.Migrated && index.Moves == moves;
            int copied = 0, bytes = 0;
            for (; intact && copied < count; copied++)
            {
                intact = TryCopyRecord(found[copied], hashes[copied], buffer[(filled + bytes)..], out int written);
                if (written == 0) break;
                bytes += written;
            }
            GC.KeepAlive(index);
            if (!intact || _arena.LayoutEpoch != epoch)
            {
                spin.SpinOnce();        // the writer was here: the bucket once more
                continue;
            }
            step++;
            filled += bytes;
            records += copied;
            if (copied < count)
            {
                bool stuck = filled == 0 || hashes[copied] == start;
                if (stuck) throw new ArgumentException("The next record, with those of the same hash, does not fit.", nameof(buffer));
                cursor = hashes[copied];
                return filled;
            }
            cursor = last + 1;
            if (cursor == 0) return filled;
        }
        return filled;
    }

    /// <summary>The bucket that a hash belongs to now, and the last hash that is certain to belong there too.</summary>
    private TableIndex RangeOf(ulong hash, out ulong bucket, out ulong last)
    {
        last = ulong.MaxValue;
        var index = Volatile.Read(ref _index);
        bucket = index.HomeOf(hash);
        for (ulong migrated = index.Migrated; bucket < migrated; migrated = index.Migrated)
        {
            last = Math.Min(last, index.LowestHash(migrated) - 1);
            index = index.Next!;
            bucket = index.HomeOf(hash);
        }
        last = Math.Min(last, index.LowestHash(bucket + 1) - 1);
        return index;
    }

    /// <summary>The records of a bucket with hashes of a range, in the order of their hashes; -1 when a record was being written. Any thread.</summary>
    private int Collect(TableIndex index, ulong bucket, ulong first, ulong last, ulong* hashes, uint* found)
    {
        byte* home = index.Bucket(bucket);
        int count = 0, probe = 0;
        for (byte* memory = home; memory != null; memory = index.NextAway(home, ref probe))
        {
            uint used = TableIndex.Used(memory);
            Volatile.ReadBarrier();
            uint guests = TableIndex.Guests(memory);
            used &= probe == 0 ? ~guests : guests;
            for (uint lanes = used; lanes != 0; lanes &= lanes - 1) PrefetchSlot(TableIndex.Handle(memory, BitOperations.TrailingZeroCount(lanes)));
            for (; used != 0; used &= used - 1)
            {
                uint handle = Volatile.Read(ref TableIndex.Handle(memory, BitOperations.TrailingZeroCount(used)));
                if (handle == 0) continue;
                if (!TryHash(SlotOf(handle), out ulong hash)) return -1;
                if (hash < first || hash > last || index.HomeOf(hash) != bucket) continue;
                hashes[count] = hash;
                found[count++] = handle;
            }
        }
        new Span<ulong>(hashes, count).Sort(new Span<uint>(found, count));
        return count;
    }

    private bool TryHash(RecordSlot slot, out ulong hash)
    {
        hash = 0;
        uint sequence = Volatile.Read(ref slot.Sequence);
        if ((sequence & 1) != 0) return false;
        hash = _hash.Hash(slot.Key, slot.KeyLength);
        Volatile.ReadBarrier();
        return slot.Sequence == sequence;
    }

    /// <returns>False when the record changed meanwhile or is another one now; then nothing of it may be used.</returns>
    private bool TryCopyRecord(uint handle, ulong hash, Span<byte> destination, out int written)
    {
        if (!TryCopySlot(SlotOf(handle), destination, out written)) return false;
        if (written == 0) return true;
        int keyBytes = new ScanCopyReader(destination[..written]).PeekKeyBytes();
        if (_hash.Hash(destination.Slice(ScanCopyReader.FramingBytes, keyBytes)) == hash) return true;
        written = 0;
        return false;
    }

    /// <summary>Copies what a slot holds; 0 bytes when it does not fit.</summary>
    /// <returns>False when the slot is free or was written meanwhile; then nothing of it may be used.</returns>
    private bool TryCopySlot(RecordSlot slot, Span<byte> destination, out int written)
    {
        written = 0;
        uint sequence = Volatile.Read(ref slot.Sequence);
        int keyBytes = slot.KeyLength;
        var header = slot.Header;
        ulong place = slot.HasValueElsewhere ? Volatile.Read(ref slot.Place) : 0;
        bool elsewhere = slot.HasValueElsewhere;
        int valueBytes = elsewhere ? (int)(place >> 32) : slot.InlineLength;
        Volatile.ReadBarrier();
        if ((sequence & 1) != 0 || slot.Sequence != sequence) return false;

        bool linked = IsLinked(header.Kind);
        byte* value = elsewhere ? AddressOf((uint)place, AreaBytes(valueBytes, linked)) : slot.InlineArea(linked);
        if (linked) value += RecordSlot.LinkBytes;
        int bytes = ScanCopyReader.Write(destination, header, new ReadOnlySpan<byte>(slot.Key, keyBytes), new ReadOnlySpan<byte>(value, valueBytes));
        Volatile.ReadBarrier();
        if (slot.Sequence != sequence) return false;
        written = bytes;
        return true;
    }
}

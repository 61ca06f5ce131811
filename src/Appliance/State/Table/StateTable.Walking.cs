namespace Appliance.State;

/// <content>Walks in the order of memory, for snapshots.</content>
internal sealed unsafe partial class StateTable
{
    /// <summary>
    /// Copies records in the order in which they stand in memory: linear, so it is several times as fast as <see cref="ScanCopy"/>, and without relation to their
    /// hashes. That matters to whoever inserts them into another table: in the order of the hashes, all of them crowd into the same few buckets of an index that is still
    /// small. Any thread, lock-free.
    /// </summary>
    /// <remarks>
    /// A record stays in its slot for life, so every record that is present, and not being written, from the first call to the last is copied at least once. One that is written at
    /// the moment when the walk comes past may be left out: its new version is newer than the walk.
    /// </remarks>
    /// <param name="cursor">0 starts; 0 after the call means that the walk is complete.</param>
    /// <param name="buffer">Receives records (read them with <see cref="ScanCopyReader"/>). Must hold the largest: <see cref="ScanCopyReader.FramingBytes"/> + key + value.</param>
    /// <param name="records">How many were copied.</param>
    /// <returns>Bytes filled; 0 is possible before the end.</returns>
    /// <exception cref="ArgumentException">The next record alone does not fit.</exception>
    public int WalkCopy(ref ulong cursor, Span<byte> buffer, out int records)
    {
        int chunk = (int)(cursor >> 32), slot = (int)(uint)cursor, filled = 0;
        var spin = default(SpinWait);
        records = 0;
        while (chunk < _arena.ChunkEnd)
        {
            ulong epoch = _arena.LayoutEpoch;
            _arena.Describe(chunk, out int slots, out int slotBytes);
            Volatile.ReadBarrier();
            if ((epoch & 1) != 0 || _arena.LayoutEpoch != epoch)
            {
                spin.SpinOnce();
                continue;
            }
            int next = CopyChunk(chunk, slot, slots, slotBytes, buffer[filled..], out int bytes, out int copied);
            Volatile.ReadBarrier();
            if (_arena.LayoutEpoch != epoch)
            {
                spin.SpinOnce();        // perhaps these slots have another size by now: the chunk once more
                continue;
            }
            filled += bytes;
            records += copied;
            if (next < slots)
            {
                if (filled == 0) throw new ArgumentException("The next record does not fit.", nameof(buffer));
                cursor = (ulong)chunk << 32 | (uint)next;
                return filled;
            }
            slot = 0;
            chunk++;
            if (chunk == _arena.LowEnd) chunk = _arena.HighStart;
        }
        cursor = 0;
        return filled;
    }

    private int CopyChunk(int chunk, int slot, int slots, int slotBytes, Span<byte> buffer, out int bytes, out int copied)
    {
        bytes = 0;
        copied = 0;
        for (; slot < slots; slot++)
        {
            if (!TryCopySlot(new RecordSlot(_arena.AddressOf(chunk, slot, slotBytes)), buffer[bytes..], out int written)) continue;
            if (written == 0) break;
            bytes += written;
            copied++;
        }
        return slot;
    }
}

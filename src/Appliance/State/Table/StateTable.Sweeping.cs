namespace Appliance.State;

/// <content>Walks over the memory of the records, for expiry and eviction.</content>
internal sealed unsafe partial class StateTable
{
    private const int SampleRun = 8, FragmentationProbes = 16;

    /// <summary>
    /// Walks the memory of the records (not in hash order; linear, so it is fast) and returns those that a filter wants: for expired records and
    /// collectable tombstones, a bounded step at a time. Writer thread.
    /// </summary>
    /// <remarks>Records inserted or removed between calls may be missed or not; a record present throughout is looked at exactly once.</remarks>
    /// <param name="cursor">0 starts; 0 after the call means that every slot was visited.</param>
    /// <param name="slots">Slots to look at, at most; about 10 ns each.</param>
    /// <param name="filter">Chooses.</param>
    /// <param name="handles">Receives handles; the call ends when it is full.</param>
    /// <returns>How many.</returns>
    public int Sweep<TFilter>(ref ulong cursor, int slots, ref TFilter filter, Span<uint> handles) where TFilter : struct, IRecordFilter
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(handles.Length, nameof(handles));
        int chunk = (int)(cursor >> 32), slot = (int)(uint)cursor, count = 0;
        while (chunk < _arena.ChunkEnd)
        {
            int end = _arena.RecordSlots(chunk);
            for (; slot < end; slot++)
            {
                if (slots-- <= 0 || count == handles.Length)
                {
                    cursor = (ulong)chunk << 32 | (uint)slot;
                    return count;
                }
                if (IsWanted(_arena.HandleOf(chunk, slot), ref filter, out uint handle)) handles[count++] = handle;
            }
            slot = 0;
            chunk++;
            if (chunk == _arena.LowEnd) chunk = _arena.HighStart;
            slots--;        // a chunk without records is not free either
            if (slots <= 0 && chunk < _arena.ChunkEnd)
            {
                cursor = (ulong)chunk << 32;
                return count;
            }
        }
        cursor = 0;
        return count;
    }

    /// <summary>Returns some records that a filter wants, from random places: for eviction, take the oldest of them. Writer thread.</summary>
    /// <remarks>
    /// When memory is held in sparsely used chunks, it prefers those, so that evictions empty whole chunks and other sizes can have them.
    /// </remarks>
    /// <param name="random">A random number; the same gives the same places.</param>
    /// <param name="slots">Slots to look at, at most.</param>
    /// <param name="filter">Chooses.</param>
    /// <param name="handles">Receives handles; the call ends when it is full.</param>
    /// <returns>How many; 0 does not mean that there are none.</returns>
    public int Sample<TFilter>(ulong random, int slots, ref TFilter filter, Span<uint> handles) where TFilter : struct, IRecordFilter
    {
        int count = 0;
        bool fragmented = BytesUsed > _maxBytes && _arena.ChunkBytesUsed - _arena.LiveBytes > _maxBytes / 16;
        while (slots > 0 && count < handles.Length)
        {
            int chunk = fragmented ? SparsestOf(FragmentationProbes, ref random) : AnyChunk(ref random);
            slots--;
            int end = _arena.RecordSlots(chunk);
            if (end == 0) continue;
            int slot = (int)Math.BigMul(Next(ref random), (ulong)end, out _);
            for (int i = 0; i < SampleRun && slots > 0 && count < handles.Length && slot < end; i++, slot++, slots--)
            {
                if (IsWanted(_arena.HandleOf(chunk, slot), ref filter, out uint handle) && !handles[..count].Contains(handle)) handles[count++] = handle;
            }
        }
        return count;
    }

    /// <summary>The handle with the lowest version. Writer thread.</summary>
    /// <param name="handles">At least one.</param>
    public uint OldestOf(ReadOnlySpan<uint> handles)
    {
        uint oldest = handles[0];
        foreach (uint handle in handles)
        {
            if (SlotOf(handle).Version < SlotOf(oldest).Version) oldest = handle;
        }
        return oldest;
    }

    private bool IsWanted<TFilter>(uint candidate, ref TFilter filter, out uint handle) where TFilter : struct, IRecordFilter
    {
        handle = candidate;
        var slot = SlotOf(candidate);
        return slot.IsLive && filter.Wants(slot.Header);
    }

    private int AnyChunk(ref ulong random)
    {
        int low = _arena.LowEnd, total = low + (_arena.ChunkEnd - _arena.HighStart);
        int chunk = (int)Math.BigMul(Next(ref random), (ulong)total, out _);
        return chunk < low ? chunk : chunk - low + _arena.HighStart;
    }

    private int SparsestOf(int probes, ref ulong random)
    {
        int sparsest = 0;
        for (int i = 0; i < probes; i++)
        {
            int chunk = AnyChunk(ref random);
            if (_arena.RecordSlots(chunk) == 0) continue;
            bool sparser = sparsest == 0
                || (long)_arena.LiveSlots(chunk) * _arena.SlotCount(sparsest) < (long)_arena.LiveSlots(sparsest) * _arena.SlotCount(chunk);
            if (sparser) sparsest = chunk;
        }
        return sparsest;
    }

    /// <summary>SplitMix64: randomness is the caller's, its expansion ours.</summary>
    private static ulong Next(ref ulong state)
    {
        ulong value = state += 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}

using System.Runtime.CompilerServices;
using Appliance.Interop;

namespace Appliance.State;

/// <summary>What the slots of a chunk are used for. The two never share a chunk: what a late reader takes for a record was one.</summary>
internal enum SlotUse : byte
{
    /// <summary>Header, key and usually the value.</summary>
    Record = 0,

    /// <summary>A value that does not stand with its key.</summary>
    Value = 1,
}

/// <summary>Slots of many sizes in chunks of 256 KiB, each chunk of one size and use. A handle is the slot's distance from the start in units of 8 bytes.</summary>
/// <remarks>
/// <para>
/// One reservation of address space holds all chunks, so a handle becomes an address without a table, and 32 bits reach 32 GiB. It grows from below
/// in huge pages that <see cref="PageWorker"/> brought in beforehand; when the writer is faster than that, from above in ordinary pages, each of
/// which costs the writer one short fault.
/// </para>
/// <para>
/// Nothing is unmapped while the arena lives. An empty chunk goes back to a pool and may serve another size; <see cref="LayoutEpoch"/>
/// rises before that, and a reader that saw two values of it has read nothing. Writer thread, except where said.
/// </para>
/// </remarks>
internal sealed unsafe class SlabArena : IDisposable
{
    /// <summary>Bytes of a chunk.</summary>
    public const int ChunkBytes = 1 << ChunkShift;

    private const int ChunkShift = 18, GranuleShift = 3;
    private const int HandleShift = ChunkShift - GranuleShift;
    private const long MaxRegionBytes = 1L << (32 + GranuleShift);
    private const int ChunksPerUnit = ReservedMemory.HugePageBytes / ChunkBytes;

    /// <summary>The first pages are ordinary ones: most tables are small.</summary>
    private const long OrdinaryBytes = 2 * ReservedMemory.HugePageBytes;

    private readonly PreparedRegion _region;
    private readonly ReservedMemory _chunkMemory;
    private readonly Chunk* _chunks;
    private readonly int[] _partial = new int[2 * SizeClasses.Count];
    private readonly int _chunkCount;
    private int _next = 1;      // chunk 0 is not used: handle 0 means none
    private int _top;
    private int _warm, _warmCount, _cold;
    private int _used;
    private ulong _layoutEpoch;

    private struct Chunk
    {
        public int List;        // SlotUse * classes + class + 1; 0 when not in use
        public int SlotBytes;
        public int Slots;
        public int Live;
        public int Fresh;       // slots from here on were never used
        public uint Free;       // first of the freed slots, linked through FreeLinkOffset
        public int Next, Previous;
    }

    private const int FreeLinkOffset = 8;

    /// <param name="maxBytes">Largest total of chunks.</param>
    public SlabArena(long maxBytes)
    {
        long bytes = Math.Min((maxBytes & -ChunkBytes) + 2 * OrdinaryBytes, MaxRegionBytes - 2L * ReservedMemory.HugePageBytes);
        _region = new PreparedRegion(bytes, OrdinaryBytes, usableBytes: OrdinaryBytes);
        _chunkCount = (int)(bytes >> ChunkShift);
        _top = _chunkCount;
        MaxChunks = (int)Math.Min(maxBytes >> ChunkShift, _chunkCount - 2 * ChunksPerUnit);
        _chunkMemory = new ReservedMemory((long)_chunkCount * sizeof(Chunk));
        if (!_chunkMemory.TryCommit(0, _chunkMemory.Bytes)) throw new OutOfMemoryException("No memory for the state table.");
        _chunks = (Chunk*)_chunkMemory.Start;
        Start = _region.Start;
        RecordSlot.InitialiseFree(Start);       // where a reader ends up that meets handle 0 in an index that was given back
    }

    /// <summary>Address of handle 0.</summary>
    public byte* Start { get; }

    /// <summary>Limit on chunks in use.</summary>
    public int MaxChunks { get; }

    /// <summary>Bytes of the chunks in use.</summary>
    public long ChunkBytesUsed => (long)_used << ChunkShift;

    /// <summary>Bytes of the slots in use.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Rises before memory changes its meaning, and again after: odd meanwhile. Any thread.</summary>
    public ulong LayoutEpoch
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref _layoutEpoch);
    }

    /// <summary>End of the chunks that were ever used from below, for walks.</summary>
    public int LowEnd => _next;

    /// <summary>First of the chunks that were ever used from above.</summary>
    public int HighStart => _top;

    /// <summary>One past the last chunk.</summary>
    public int ChunkEnd => _chunkCount;

    /// <summary>Address of a slot. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Address(uint handle) => Start + ((ulong)handle << GranuleShift);

    /// <summary>Size of a slot.</summary>
    public int SlotBytes(uint handle) => _chunks[handle >> HandleShift].SlotBytes;

    /// <summary>Takes a slot of a class.</summary>
    /// <returns>Its handle; 0 when there is no memory.</returns>
    public uint Allocate(SlotUse use, int sizeClass)
    {
        int list = (int)use * SizeClasses.Count + sizeClass;
        int index = _partial[list];
        if (index == 0)
        {
            index = TakeChunk();
            if (index == 0) return 0;
            Open(index, list);
        }
        ref var chunk = ref _chunks[index];
        uint handle = chunk.Free;
        if (handle != 0)
        {
            chunk.Free = *(uint*)(Address(handle) + FreeLinkOffset);
        }
        else
        {
            handle = ((uint)index << HandleShift) + (uint)(chunk.Fresh * (chunk.SlotBytes >> GranuleShift));
            if (use == SlotUse.Record) RecordSlot.InitialiseFree(Address(handle));
            Volatile.Write(ref chunk.Fresh, chunk.Fresh + 1);       // a walk that sees the slot sees that it is free
        }
        if (++chunk.Live == chunk.Slots) Unlink(index, list);
        LiveBytes += chunk.SlotBytes;
        return handle;
    }

    /// <summary>Gives a slot back. A record's slot must have been marked free before.</summary>
    public void Free(uint handle)
    {
        int index = (int)(handle >> HandleShift);
        ref var chunk = ref _chunks[index];
        *(uint*)(Address(handle) + FreeLinkOffset) = chunk.Free;
        chunk.Free = handle;
        LiveBytes -= chunk.SlotBytes;
        int list = chunk.List - 1;
        if (chunk.Live-- == chunk.Slots) Link(index, list);
        bool alone = _partial[list] == index && chunk.Next == 0;
        if (chunk.Live == 0 && !alone) Close(index, list);
    }

    /// <summary>Slots of a chunk that were ever used, when it holds records; else 0.</summary>
    public int RecordSlots(int index) => _chunks[index].List is > 0 and var list && list <= SizeClasses.Count ? _chunks[index].Fresh : 0;

    /// <summary>Slots of a chunk of records that were ever used, and their size. Any thread; true when <see cref="LayoutEpoch"/> was even before and is the same afterwards.</summary>
    public void Describe(int index, out int slots, out int slotBytes)
    {
        ref var chunk = ref _chunks[index];
        int list = Volatile.Read(ref chunk.List);
        slotBytes = chunk.SlotBytes;
        slots = list > 0 && list <= SizeClasses.Count ? Volatile.Read(ref chunk.Fresh) : 0;
    }

    /// <summary>Address of a chunk's slot. Any thread.</summary>
    public byte* AddressOf(int index, int slot, int slotBytes) => Start + ((long)index << ChunkShift) + (long)slot * slotBytes;

    /// <summary>Records in a chunk that holds records.</summary>
    public int LiveSlots(int index) => _chunks[index].Live;

    /// <summary>How many slots such a chunk has.</summary>
    public int SlotCount(int index) => _chunks[index].Slots;

    /// <summary>The handle of a chunk's slot.</summary>
    public uint HandleOf(int index, int slot) => ((uint)index << HandleShift) + (uint)(slot * (_chunks[index].SlotBytes >> GranuleShift));

    /// <inheritdoc/>
    public void Dispose()
    {
        _region.Dispose();
        _chunkMemory.Dispose();
    }

    private int TakeChunk()
    {
        if (_used >= MaxChunks) return 0;
        int index;
        if (_warm != 0)
        {
            index = _warm;
            _warm = _chunks[index].Next;
            _warmCount--;
        }
        else if (_next < _top && (long)(_next + 1) << ChunkShift <= _region.Ready)
        {
            index = _next++;
        }
        else if (_cold != 0)
        {
            index = _cold;
            _cold = _chunks[index].Next;
        }
        else
        {
            index = _top - 1;
            if ((long)index << ChunkShift < _region.Wanted || !_region.TryCommitOrdinary((long)index << ChunkShift, ChunkBytes)) return 0;
            _top = index;
        }
        _used++;
        OrderPages();
        return index;
    }

    /// <summary>Keeps one huge page ready, and more the larger the arena is: a sixty-fourth, at most eight.</summary>
    private void OrderPages()
    {
        long used = (long)_next << ChunkShift;
        if (used + ReservedMemory.HugePageBytes <= OrdinaryBytes) return;
        long ahead = Math.Clamp(used >> 6, ReservedMemory.HugePageBytes, 8L * ReservedMemory.HugePageBytes);
        long limit = Math.Min((long)(MaxChunks + 2 * ChunksPerUnit) << ChunkShift, (long)_top << ChunkShift) & -ReservedMemory.HugePageBytes;
        _region.PrepareThrough(Math.Min(used + ahead, limit));
    }

    private void Open(int index, int list)
    {
        ref var chunk = ref _chunks[index];
        int slotBytes = SizeClasses.BytesOf(list % SizeClasses.Count);
        BeginLayout();
        chunk = new Chunk { List = list + 1, SlotBytes = slotBytes, Slots = ChunkBytes / slotBytes };
        EndLayout();
        Link(index, list);
    }

    private void Close(int index, int list)
    {
        Unlink(index, list);
        BeginLayout();
        ref var chunk = ref _chunks[index];
        chunk.List = 0;
        _used--;
        if (_warmCount < 8 + _used / 16)
        {
            chunk.Next = _warm;
            _warm = index;
            _warmCount++;
        }
        else
        {
            _region.Release((long)index << ChunkShift, ChunkBytes);
            chunk.Next = _cold;
            _cold = index;
        }
        EndLayout();
    }

    private void BeginLayout()
    {
        Volatile.Write(ref _layoutEpoch, _layoutEpoch + 1);
        Interlocked.MemoryBarrier();        // readers see the new epoch before anything that is written here afterwards
    }

    private void EndLayout() => Volatile.Write(ref _layoutEpoch, _layoutEpoch + 1);

    private void Link(int index, int list)
    {
        ref var chunk = ref _chunks[index];
        chunk.Previous = 0;
        chunk.Next = _partial[list];
        if (chunk.Next != 0) _chunks[chunk.Next].Previous = index;
        _partial[list] = index;
    }

    private void Unlink(int index, int list)
    {
        ref var chunk = ref _chunks[index];
        if (chunk.Previous != 0) _chunks[chunk.Previous].Next = chunk.Next;
        else _partial[list] = chunk.Next;
        if (chunk.Next != 0) _chunks[chunk.Next].Previous = chunk.Previous;
        chunk.Next = 0;
        chunk.Previous = 0;
    }
}

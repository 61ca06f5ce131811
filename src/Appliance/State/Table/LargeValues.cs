using System.Numerics;
using Appliance.Interop;

namespace Appliance.State;

/// <summary>Values beyond the slabs: each has address space of a power of two from 64 KiB to 64 MiB, of which only the touched pages cost memory.</summary>
/// <remarks>
/// Address space stays mapped while the table lives, so that a late reader can read it (then its sequence lock tells it that it read nothing).
/// Pages of freed values go back to the system. Writer thread, except <see cref="Address"/>.
/// </remarks>
internal sealed unsafe class LargeValues(long maxBytes) : IDisposable
{
    private const int SmallestShift = 16, Classes = 11;
    private const int PageBytes = 4096;

    private readonly Area[] _areas = new Area[Classes];

    private struct Area
    {
        public ReservedMemory? Memory;
        public Stack<uint> Free;
        public uint Next;
    }

    /// <summary>Largest value.</summary>
    public const int MaxValueBytes = 1 << (SmallestShift + Classes - 1);

    /// <summary>Bytes of the pages in use.</summary>
    public long BytesUsed { get; private set; }

    /// <summary>Memory that a value of so many bytes takes.</summary>
    public static long PagesOf(long bytes) => (bytes + PageBytes - 1) & -PageBytes;

    /// <summary>Values of the same class can change in place.</summary>
    public static int ClassOf(long bytes) => Math.Max(0, BitOperations.Log2((ulong)(bytes - 1)) + 1 - SmallestShift);

    /// <summary>Takes space.</summary>
    /// <returns>False when there is no memory.</returns>
    public bool TryAllocate(long bytes, out uint index)
    {
        int sizeClass = ClassOf(bytes);
        ref var area = ref _areas[sizeClass];
        int shift = SmallestShift + sizeClass;
        area.Memory ??= Reserve(shift);
        area.Free ??= new Stack<uint>();
        if (!area.Free.TryPop(out index))
        {
            long offset = (long)area.Next << shift;
            index = area.Next;
            if (offset + (1L << shift) > area.Memory.Bytes || !area.Memory.TryCommit(offset, 1L << shift)) return false;
            area.Next++;
        }
        BytesUsed += PagesOf(bytes);
        return true;
    }

    /// <summary>Where a value stands. Any thread.</summary>
    public byte* Address(uint index, long bytes)
    {
        int sizeClass = ClassOf(bytes);
        return _areas[sizeClass].Memory!.Start + ((long)index << (SmallestShift + sizeClass));
    }

    /// <summary>Accounts for a value that changes its length within its class, and gives back the pages behind its new end.</summary>
    public void Resize(uint index, long oldBytes, long newBytes)
    {
        long oldPages = PagesOf(oldBytes), newPages = PagesOf(newBytes);
        if (newPages < oldPages) Release(index, ClassOf(oldBytes), newPages, oldPages - newPages);
        BytesUsed += newPages - oldPages;
    }

    /// <summary>Gives a value's space back.</summary>
    public void Free(uint index, long bytes)
    {
        int sizeClass = ClassOf(bytes);
        Release(index, sizeClass, 0, PagesOf(bytes));
        _areas[sizeClass].Free.Push(index);
        BytesUsed -= PagesOf(bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ref var area in _areas.AsSpan()) area.Memory?.Dispose();
    }

    private void Release(uint index, int sizeClass, long from, long bytes) =>
        _areas[sizeClass].Memory!.Release(((long)index << (SmallestShift + sizeClass)) + from, bytes);

    /// <summary>A value of a class fills more than half of its space (or of 64 KiB), so twice the limit always suffices.</summary>
    private ReservedMemory Reserve(int shift) => new(2 * maxBytes + (2L << shift));
}

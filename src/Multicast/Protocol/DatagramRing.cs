using System.Runtime.InteropServices;

namespace Appliance.Multicast.Protocol;

/// <summary>Slots of equal size, back to back in native memory, indexed by sequence. The kernel gives pages as they are touched.</summary>
internal sealed unsafe class DatagramRing : IDisposable
{
    private readonly ulong _mask;
    private byte* _memory;

    /// <param name="capacity">Slots; a power of two.</param>
    /// <param name="slotBytes">Bytes of a slot.</param>
    public DatagramRing(int capacity, int slotBytes)
    {
        Capacity = capacity;
        SlotBytes = slotBytes;
        _mask = (ulong)capacity - 1;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)MemoryBytes, 4096);
    }

    ~DatagramRing() => Free();

    public int Capacity { get; }
    public int SlotBytes { get; }
    public long MemoryBytes => (long)Capacity * SlotBytes;

    /// <summary>Index of a sequence's slot.</summary>
    public int IndexOf(ulong sequence) => (int)(sequence & _mask);

    /// <summary>The slot of a sequence, whatever it holds.</summary>
    public Span<byte> this[ulong sequence] => new(_memory + (long)(sequence & _mask) * SlotBytes, SlotBytes);

    /// <summary>Slots from a sequence on that lie back to back.</summary>
    public Span<byte> From(ulong sequence, int bytes) => new(_memory + (long)(sequence & _mask) * SlotBytes, bytes);

    /// <summary>Slots from a sequence to the end of the memory.</summary>
    public int SlotsToEnd(ulong sequence) => Capacity - IndexOf(sequence);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}

using System.Numerics;
using System.Runtime.InteropServices;

namespace Appliance.Listeners;

/// <summary>A piece of memory outside the collected heap; <c>default</c> is none.</summary>
internal readonly unsafe struct NativeBlock
{
    internal NativeBlock(byte* pointer, int capacity)
    {
        Pointer = pointer;
        Capacity = capacity;
    }

    public byte* Pointer { get; }

    /// <summary>Bytes.</summary>
    public int Capacity { get; }

    public bool IsNone => Pointer is null;

    public Span<byte> Span => new(Pointer, Capacity);
}

/// <summary>
/// Buffers of connections, in sizes of powers of two, kept for the next connection when they are given back.
/// What is lent has a limit, and so has what is kept. One thread.
/// </summary>
internal sealed unsafe class NativeBufferPool : IDisposable
{
    /// <summary>Smallest block.</summary>
    public const int MinBytes = 1024;

    private const int MinLog = 10, Classes = 18; // 1 KiB to 128 MiB
    private readonly Stack<nint>[] _free = new Stack<nint>[Classes];
    private readonly long _maxLentBytes;
    private readonly long _maxKeptBytes;

    /// <param name="maxLentBytes">Bytes lent at a time.</param>
    /// <param name="maxKeptBytes">Bytes kept for reuse.</param>
    public NativeBufferPool(long maxLentBytes, long maxKeptBytes)
    {
        _maxLentBytes = maxLentBytes;
        _maxKeptBytes = maxKeptBytes;
        for (int i = 0; i < Classes; i++) _free[i] = new Stack<nint>();
    }

    /// <summary>Bytes lent now.</summary>
    public long LentBytes { get; private set; }

    /// <summary>Bytes kept for reuse now.</summary>
    public long KeptBytes { get; private set; }

    /// <summary>Lends a block of at least so many bytes.</summary>
    /// <returns>False when the limit is reached.</returns>
    public bool TryRent(int bytes, out NativeBlock block)
    {
        block = default;
        int index = ClassOf(bytes);
        if (index >= Classes) return false;
        int capacity = 1 << (MinLog + index);
        if (LentBytes + capacity > _maxLentBytes) return false;
        LentBytes += capacity;
        if (_free[index].TryPop(out nint kept))
        {
            KeptBytes -= capacity;
            block = new NativeBlock((byte*)kept, capacity);
        }
        else
        {
            block = new NativeBlock((byte*)NativeMemory.Alloc((nuint)capacity), capacity);
        }
        return true;
    }

    /// <summary>Takes a block back and sets the caller's copy to none.</summary>
    public void Return(ref NativeBlock block)
    {
        if (block.IsNone) return;
        LentBytes -= block.Capacity;
        if (KeptBytes + block.Capacity <= _maxKeptBytes)
        {
            KeptBytes += block.Capacity;
            _free[ClassOf(block.Capacity)].Push((nint)block.Pointer);
        }
        else
        {
            NativeMemory.Free(block.Pointer);
        }
        block = default;
    }

    /// <summary>Frees what is kept; what is lent is freed when it is returned.</summary>
    public void Dispose()
    {
        foreach (Stack<nint> stack in _free)
        {
            while (stack.TryPop(out nint kept)) NativeMemory.Free((void*)kept);
        }
        KeptBytes = _maxKeptBytes; // nothing is kept from now on
    }

    private static int ClassOf(int bytes) => Math.Max(0, BitOperations.Log2((uint)Math.Max(bytes, 1) - 1 | 1) + 1 - MinLog);
}

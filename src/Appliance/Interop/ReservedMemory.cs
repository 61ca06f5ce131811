using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>A reservation of address space, aligned to huge pages. Unmapped when disposed, or when nobody refers to it any more.</summary>
internal sealed unsafe class ReservedMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Size and alignment of a huge page.</summary>
    public const int HugePageBytes = 2 * 1024 * 1024;

    private readonly nuint _mappedBytes;

    /// <param name="bytes">Space wanted.</param>
    /// <exception cref="OutOfMemoryException">The kernel refused the address space.</exception>
    public ReservedMemory(long bytes) : base(ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        _mappedBytes = (nuint)bytes + HugePageBytes;
        nint start = MemoryMapping.Reserve(_mappedBytes);
        if (start == -1)
        {
            throw new OutOfMemoryException($"Cannot reserve {bytes} bytes of address space: errno {Marshal.GetLastPInvokeError()} (see ulimit -v).");
        }
        SetHandle(start);
        Start = (byte*)(((ulong)start + HugePageBytes - 1) & ~(ulong)(HugePageBytes - 1));
        Bytes = bytes;
    }

    /// <summary>First byte; on a huge page's boundary.</summary>
    public byte* Start { get; }

    /// <summary>Bytes reserved.</summary>
    public long Bytes { get; }

    /// <summary>Makes a part usable.</summary>
    /// <returns>False when the kernel has no memory for it.</returns>
    public bool TryCommit(long offset, long bytes) => MemoryMapping.Commit(At(offset, bytes), (nuint)bytes) == 0;

    /// <summary>Asks for huge pages in a part.</summary>
    public void AdviseHuge(long offset, long bytes) => _ = MemoryMapping.AdviseHuge(At(offset, bytes), (nuint)bytes);

    /// <summary>Brings the pages of a part in.</summary>
    /// <returns>False when the kernel has no memory for it.</returns>
    public bool TryPopulate(long offset, long bytes) => MemoryMapping.Populate(At(offset, bytes), (nuint)bytes) == 0;

    /// <summary>Gives the pages of a part back; it reads as zeros and may be used again.</summary>
    public void Release(long offset, long bytes) => _ = MemoryMapping.Release(At(offset, bytes), (nuint)bytes);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => MemoryMapping.Unmap(handle, _mappedBytes) == 0;

    private byte* At(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + bytes, Bytes);
        return Start + offset;
    }
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>Memory for keys: outside the collected heap, so that no copies are left behind; not swapped and not dumped where this process may ask for it; overwritten when disposed of.</summary>
internal sealed unsafe class SecretMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly nuint _mappedBytes;

    /// <param name="bytes">Bytes wanted; all zero at first.</param>
    /// <exception cref="OutOfMemoryException">The kernel has none.</exception>
    internal SecretMemory(int bytes) : base(ownsHandle: true)
    {
        const nuint page = 4096;
        Bytes = bytes;
        _mappedBytes = ((nuint)bytes + page - 1) & ~(page - 1);
        nint start = MemoryMapping.Reserve(_mappedBytes);
        if (start == -1 || MemoryMapping.Commit((void*)start, _mappedBytes) != 0) throw new OutOfMemoryException($"no {bytes} bytes for keys: errno {Marshal.GetLastPInvokeError()}");
        SetHandle(start);
        IsGuarded = MemoryMapping.Guard((void*)start, _mappedBytes) == 0;
    }

    /// <summary>Bytes usable.</summary>
    internal int Bytes { get; }

    /// <summary>It is neither swapped nor dumped.</summary>
    internal bool IsGuarded { get; }

    /// <summary>First byte, for as long as this is not disposed of.</summary>
    internal byte* Start => (byte*)handle;

    /// <summary>All of it.</summary>
    internal Span<byte> Span => new(Start, Bytes);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        OpenSsl.OPENSSL_cleanse(Start, (nuint)Bytes);
        return MemoryMapping.Unmap(handle, _mappedBytes) == 0;
    }
}

using System.Runtime.InteropServices;

namespace Appliance.Listeners.Resp;

/// <summary>Memory for one value that is put together from parts. Grows to the largest asked for, which the limit of a value bounds.</summary>
internal sealed unsafe class ScratchBytes : IDisposable
{
    private byte* _pointer;
    private int _capacity;

    /// <summary>So many bytes with undefined content; what was taken before is void.</summary>
    public Span<byte> Take(int bytes)
    {
        if (bytes > _capacity)
        {
            _pointer = (byte*)NativeMemory.Realloc(_pointer, (nuint)bytes);
            _capacity = bytes;
        }
        return new Span<byte>(_pointer, bytes);
    }

    public void Dispose()
    {
        NativeMemory.Free(_pointer);
        _pointer = null;
        _capacity = 0;
    }
}

using System.Runtime.InteropServices;

namespace Appliance.Multicast.Protocol;

/// <summary>The bytes of a run that came in several datagrams, in native memory that grows up to a limit (P-24).</summary>
internal sealed unsafe class RunAssembly : IDisposable
{
    private const int FirstBytes = 64 << 10;
    private readonly int _limitBytes;
    private byte* _memory;
    private int _capacity;
    private int _length;

    public RunAssembly(int limitBytes) => _limitBytes = limitBytes;

    ~RunAssembly() => NativeMemory.Free(_memory);

    public ReadOnlySpan<byte> Bytes => new(_memory, _length);
    public long MemoryBytes => _capacity;

    /// <summary>Forgets the content, keeps the memory.</summary>
    public void Clear() => _length = 0;

    /// <summary>Adds the next piece.</summary>
    /// <returns>False when the run is longer than any that may be sent.</returns>
    public bool TryAppend(ReadOnlySpan<byte> piece)
    {
        if (piece.Length > _limitBytes - _length) return false;
        if (_length + piece.Length > _capacity)
        {
            int wanted = (int)Math.Min(_limitBytes, Math.Max(Math.Max(FirstBytes, 2L * _capacity), _length + piece.Length));
            _memory = (byte*)NativeMemory.Realloc(_memory, (nuint)wanted);
            _capacity = wanted;
        }
        piece.CopyTo(new Span<byte>(_memory + _length, piece.Length));
        _length += piece.Length;
        return true;
    }

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
        _capacity = _length = 0;
        GC.SuppressFinalize(this);
    }
}

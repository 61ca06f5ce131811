namespace Appliance.Listeners.Resp.Connections;

/// <summary>What a client sent and was not yet executed: usually nothing, the beginning of a command, or commands that must wait.</summary>
internal sealed unsafe class InputBuffer
{
    private readonly NativeBufferPool _pool;
    private NativeBlock _block;
    private int _start;
    private int _end;

    public InputBuffer(NativeBufferPool pool) => _pool = pool;

    /// <summary>Bytes kept.</summary>
    public int Length => _end - _start;

    public ReadOnlySpan<byte> Bytes => new(_block.Pointer + _start, Length);

    /// <summary>Where to receive to; valid until the next change.</summary>
    public byte* Free => _block.Pointer + _end;

    /// <summary>Bytes at <see cref="Free"/>.</summary>
    public int FreeBytes => _block.Capacity - _end;

    /// <summary>Counts bytes received at <see cref="Free"/>.</summary>
    public void Add(int bytes) => _end += bytes;

    /// <summary>Forgets bytes from the front.</summary>
    public void Consume(int bytes)
    {
        _start += bytes;
        if (_start < _end) return;
        Release();
    }

    /// <summary>Keeps a copy of bytes, when nothing is kept. False when the pool is exhausted.</summary>
    public bool TryKeep(ReadOnlySpan<byte> bytes)
    {
        if (!_pool.TryRent(bytes.Length, out _block)) return false;
        bytes.CopyTo(_block.Span);
        _start = 0;
        _end = bytes.Length;
        return true;
    }

    /// <summary>
    /// Makes room to receive. A command that announces its length gets memory as it really comes, twice what is here each time:
    /// announcing costs a client nothing. False when the pool is exhausted.
    /// </summary>
    /// <param name="neededBytes">Length of the whole command, as far as it is known.</param>
    public bool TryMakeRoom(int neededBytes)
    {
        if (FreeBytes >= Math.Max(1, _block.Capacity / 4)) return true;
        int length = Length;
        int wanted = Math.Max(length + 1, Math.Min(neededBytes, 2 * length));
        if (wanted <= _block.Capacity - _block.Capacity / 4)
        {
            Bytes.CopyTo(_block.Span);
        }
        else
        {
            if (!_pool.TryRent(Math.Max(wanted, _block.Capacity + 1), out NativeBlock larger)) return false;
            Bytes.CopyTo(larger.Span);
            _pool.Return(ref _block);
            _block = larger;
        }
        _start = 0;
        _end = length;
        return true;
    }

    /// <summary>Forgets everything and gives the memory back.</summary>
    public void Release()
    {
        _start = _end = 0;
        _pool.Return(ref _block);
    }
}

namespace Appliance.Listeners;

/// <summary>Bytes appended one after another in a block of a pool. One thread.</summary>
internal unsafe struct GrowableBytes
{
    private NativeBlock _block;

    /// <summary>Bytes appended.</summary>
    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Bytes => new(_block.Pointer, Length);

    /// <summary>Appends; false, with nothing done, when the pool is exhausted.</summary>
    public bool TryAppend(NativeBufferPool pool, ReadOnlySpan<byte> bytes)
    {
        if (Length + bytes.Length > _block.Capacity)
        {
            if (!pool.TryRent(Math.Max(Length + bytes.Length, 2 * _block.Capacity), out NativeBlock larger)) return false;
            Bytes.CopyTo(larger.Span);
            pool.Return(ref _block);
            _block = larger;
        }
        bytes.CopyTo(_block.Span[Length..]);
        Length += bytes.Length;
        return true;
    }

    /// <summary>Forgets all bytes and gives the block back.</summary>
    public void Release(NativeBufferPool pool)
    {
        Length = 0;
        pool.Return(ref _block);
    }
}

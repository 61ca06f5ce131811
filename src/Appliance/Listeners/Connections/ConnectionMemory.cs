using System.Runtime.InteropServices;

namespace Appliance.Listeners.Connections;

/// <summary>
/// Memory of the connections of one loop: one buffer that all of them receive into, and blocks for what a peer does not take at once. Made so that
/// blocks cannot run out: while half of the limit is lent each reads at most its guaranteed share. One thread.
/// </summary>
internal sealed unsafe class ConnectionMemory : IDisposable
{
    /// <summary>Most bytes received at once. 256 KiB: beyond it a larger buffer gains nothing and leaves the processor's cache.</summary>
    public const int LargestReadBytes = 256 << 10;

    /// <summary>Smallest guaranteed share of a direction of a connection.</summary>
    public const int SmallestReadBytes = NativeBufferPool.MinBytes;

    private readonly long _plentyBytes;
    private readonly int _guaranteedBytes;
    private readonly int _mostReadBytes;

    /// <param name="limitBytes">Bytes of all blocks together, at least <see cref="RequiredBytes"/>.</param>
    /// <param name="maxConnections">Relayed connections at a time; twice as many where bytes grow between receiving and sending (TLS), since a block is a power of two.</param>
    /// <param name="mostReadBytes">Most bytes received at once, at most <see cref="LargestReadBytes"/>.</param>
    public ConnectionMemory(long limitBytes, int maxConnections, int mostReadBytes = LargestReadBytes)
    {
        _mostReadBytes = mostReadBytes;
        _plentyBytes = limitBytes / 2;
        // A block is a power of two, so the share is one too: lent memory is then what was read.
        long share = (limitBytes - _plentyBytes - LargestReadBytes) / (2L * maxConnections);
        _guaranteedBytes = (int)Math.Clamp((long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)share + 1) / 2, SmallestReadBytes, mostReadBytes);
        Pool = new NativeBufferPool(limitBytes, limitBytes / 16);
        Input = (byte*)NativeMemory.AlignedAlloc(LargestReadBytes, 4096);
    }

    /// <summary>Blocks.</summary>
    public NativeBufferPool Pool { get; }

    /// <summary>Where connections receive to; <see cref="LargestReadBytes"/>, valid until the next receive.</summary>
    public byte* Input { get; }

    /// <summary>How much may be received now so that a peer that takes nothing of it can be waited for.</summary>
    public int ReadBytes => Pool.LentBytes < _plentyBytes ? _mostReadBytes : _guaranteedBytes;

    /// <summary>Lends a block for what a client has begun to say, while there is plenty: it never takes what a peer that does not read must be waited for with.</summary>
    public bool TryRentInput(int bytes, out NativeBlock block)
    {
        block = default;
        return bytes <= LargestReadBytes && Pool.LentBytes < _plentyBytes && Pool.TryRent(bytes, out block);
    }

    /// <summary>Least limit for so many connections.</summary>
    public static long RequiredBytes(int maxConnections) => 2 * (LargestReadBytes + 2L * SmallestReadBytes * maxConnections);

    /// <inheritdoc/>
    public void Dispose()
    {
        Pool.Dispose();
        NativeMemory.AlignedFree(Input);
    }
}

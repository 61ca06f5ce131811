using Appliance.Interop;

namespace Appliance.State;

/// <summary>Address space of which the front is made ready in huge pages by <see cref="PageWorker"/>, ahead of its only user.</summary>
/// <remarks>
/// Space that was usable once stays readable until the region is unmapped: what a late reader meets there may be old or zero, but it can be read.
/// Behind the ready part another <see cref="ReservedMemory.HugePageBytes"/> can be read as well, so that a reader whose record changes under
/// its hands may run beyond the end by the length of a key and a value.
/// </remarks>
internal sealed unsafe class PreparedRegion : IDisposable
{
    private const int UnitBytes = ReservedMemory.HugePageBytes;

    private readonly ReservedMemory _memory;
    private readonly long _limit;
    private long _ready;
    private long _wanted;
    private long _released;
    private long _releasable;
    private int _queued;
    private bool _exhausted;

    /// <param name="bytes">Space for the user.</param>
    /// <param name="ordinaryBytes">Front part that counts as ready at once, in ordinary pages that come when touched.</param>
    /// <param name="usableBytes">Front part that may be touched before it is ready, at the price of bringing it in.</param>
    /// <exception cref="OutOfMemoryException">No address space, or no memory for the ordinary part.</exception>
    public PreparedRegion(long bytes, long ordinaryBytes, long usableBytes)
    {
        _limit = RoundUp(bytes);
        _memory = new ReservedMemory(_limit + UnitBytes);
        _ready = Math.Min(RoundUp(ordinaryBytes), _limit);
        _wanted = _ready;
        long usable = Math.Max(_ready, Math.Min(RoundUp(usableBytes), _limit));
        if (!_memory.TryCommit(0, usable + UnitBytes) || !_memory.TryCommit(_limit, UnitBytes)) throw new OutOfMemoryException("No memory for the state table.");
    }

    /// <summary>First byte.</summary>
    public byte* Start => _memory.Start;

    /// <summary>Bytes from the start that are ready. Only grows. Any thread.</summary>
    public long Ready => Volatile.Read(ref _ready);

    /// <summary>Bytes from the start that are ready or on order.</summary>
    public long Wanted => _wanted;

    /// <summary>Orders pages up to an offset. User's thread.</summary>
    public void PrepareThrough(long offset)
    {
        long wanted = offset >= _limit ? _limit : RoundUp(offset);
        if (wanted <= _wanted) return;
        Volatile.Write(ref _wanted, wanted);
        Enqueue();
    }

    /// <summary>Has the pages up to an offset given back, whole units only. User's thread.</summary>
    public void ReleaseThrough(long offset)
    {
        long releasable = Math.Min(offset, _limit) & ~(long)(UnitBytes - 1);
        if (releasable <= _releasable) return;
        Volatile.Write(ref _releasable, releasable);
        Enqueue();
    }

    /// <summary>Makes a part far behind the ready one usable in ordinary pages.</summary>
    public bool TryCommitOrdinary(long offset, long bytes) => _memory.TryCommit(offset, bytes);

    /// <summary>Gives the pages of a part back at once.</summary>
    public void Release(long offset, long bytes) => _memory.Release(offset, bytes);

    /// <summary>Brings everything in at once: for what is sized before it is used.</summary>
    public void PrepareAllNow()
    {
        _memory.AdviseHuge(0, _limit);
        if (!_memory.TryCommit(0, _limit + UnitBytes) || !_memory.TryPopulate(0, _limit)) throw new OutOfMemoryException("No memory for the state table.");
        _ready = _wanted = _limit;
    }

    /// <summary>One bounded step on the worker's thread: a unit given back or brought in.</summary>
    public void Work()
    {
        Volatile.Write(ref _queued, 0);
        bool held = false;
        try
        {
            _memory.DangerousAddRef(ref held);
            if (_released < Volatile.Read(ref _releasable))
            {
                _memory.Release(_released, UnitBytes);
                _released += UnitBytes;
            }
            else if (!_exhausted && _ready < Volatile.Read(ref _wanted))
            {
                PrepareUnit();
            }
        }
        catch (ObjectDisposedException)
        {
            return;     // the table was closed while its order stood in the queue
        }
        finally
        {
            if (held) _memory.DangerousRelease();
        }
        bool more = _released < Volatile.Read(ref _releasable) || (!_exhausted && _ready < Volatile.Read(ref _wanted));
        if (more) Enqueue();
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private void PrepareUnit()
    {
        long next = _ready;
        _memory.AdviseHuge(next, UnitBytes);
        if (_memory.TryPopulate(next, UnitBytes) && _memory.TryCommit(next + UnitBytes, UnitBytes))
        {
            Volatile.Write(ref _ready, next + UnitBytes);
        }
        else
        {
            _exhausted = true;
        }
    }

    private void Enqueue()
    {
        if (Interlocked.Exchange(ref _queued, 1) == 0) PageWorker.Post(this);
    }

    private static long RoundUp(long bytes) => (bytes + UnitBytes - 1) & ~(long)(UnitBytes - 1);
}

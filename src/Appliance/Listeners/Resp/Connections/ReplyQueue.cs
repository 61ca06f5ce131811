using System.Buffers;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Listeners.Resp.Connections;

/// <summary>
/// Replies of one client that have not left: some wait for the client to read, some for the acknowledgement of a write.
/// They leave in order; what stands behind a reply that waits, waits with it.
/// <code>
/// sent | released: may leave | first gate | not gated | second gate ... | tail
/// </code>
/// Positions count all bytes of the connection's life.
/// </summary>
internal sealed unsafe class ReplyQueue
{
    private const int RetainedGates = 64;

    private record struct Gate(long Start, int Length, WriteDependency Dependency, Timestamp Deadline);

    private readonly NativeBufferPool _pool;
    private NativeBlock _block;
    private long _blockStart; // position of the block's first byte
    private long _sent;
    private Gate[] _gates = [];
    private int _firstGate;

    public ReplyQueue(NativeBufferPool pool) => _pool = pool;

    /// <summary>Position behind the last byte.</summary>
    public long Tail { get; private set; }

    /// <summary>Bytes that have not left.</summary>
    public long PendingBytes => Tail - _sent;

    /// <summary>Bytes that may leave.</summary>
    public long ReleasedBytes => (GateCount == 0 ? Tail : FirstGate.Start) - _sent;

    /// <summary>Replies that wait for acknowledgement.</summary>
    public int GateCount { get; private set; }

    /// <summary>Nothing is kept.</summary>
    public bool IsEmpty => Tail == _sent && GateCount == 0;

    /// <summary>When the first gate's time is over.</summary>
    public Timestamp NextDeadline => GateCount == 0 ? Timestamp.Never : FirstGate.Deadline;

    private ref Gate FirstGate => ref _gates[_firstGate];

    /// <summary>Lets the reply at a position, which may yet have to be appended, wait for what it depends on. In order of positions.</summary>
    public void AddGate(long start, int length, WriteDependency dependency, Timestamp deadline)
    {
        if (GateCount == _gates.Length) GrowGates();
        _gates[(_firstGate + GateCount++) & (_gates.Length - 1)] = new Gate(start, length, dependency, deadline);
    }

    /// <summary>Appends bytes; false when the pool is exhausted.</summary>
    public bool TryAppend(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return true;
        int used = (int)(Tail - _blockStart);
        if (used + bytes.Length > _block.Capacity && !TryMakeRoom(bytes.Length)) return false;
        bytes.CopyTo(_block.Span[(int)(Tail - _blockStart)..]);
        Tail += bytes.Length;
        return true;
    }

    /// <summary>Opens the gates of what is acknowledged.</summary>
    public void Resolve(IServiceStore store)
    {
        while (GateCount > 0 && store.IsResolved(FirstGate.Dependency)) RemoveFirstGate();
    }

    /// <summary>Replaces the replies whose time is over by an error and opens their gates.</summary>
    /// <param name="now">Time; <see cref="Timestamp.Never"/> to give up all gates.</param>
    /// <param name="store">Knows what is acknowledged: those gates are opened unharmed.</param>
    /// <param name="error">The encoded error.</param>
    /// <returns>Replies replaced, or -1 when the pool is exhausted.</returns>
    public int Expire(Timestamp now, IServiceStore store, ReadOnlySpan<byte> error)
    {
        Resolve(store);
        if (GateCount == 0 || FirstGate.Deadline > now) return 0;
        if (!_pool.TryRent((int)Math.Min(int.MaxValue, PendingBytes + (long)GateCount * error.Length), out NativeBlock target)) return -1;
        int expired = 0, written = 0;
        long position = _sent;
        while (GateCount > 0)
        {
            bool isResolved = store.IsResolved(FirstGate.Dependency);
            if (!isResolved && FirstGate.Deadline > now) break;
            if (!isResolved)
            {
                Copy(position, FirstGate.Start, target, ref written);
                error.CopyTo(target.Span[written..]);
                written += error.Length;
                position = FirstGate.Start + FirstGate.Length;
                expired++;
            }
            RemoveFirstGate();
        }
        Copy(position, Tail, target, ref written);
        long shift = _sent + written - Tail;
        for (int i = 0; i < GateCount; i++) _gates[(_firstGate + i) & (_gates.Length - 1)].Start += shift;
        _pool.Return(ref _block);
        _block = target;
        _blockStart = _sent;
        Tail = _sent + written;
        return expired;
    }

    /// <summary>Sends what may leave, as much as the kernel takes.</summary>
    /// <returns>Bytes sent, or minus the errno.</returns>
    public int Send(int descriptor)
    {
        int released = (int)ReleasedBytes;
        if (released == 0) return 0;
        int sent = Sockets.Send(descriptor, _block.Pointer + (_sent - _blockStart), released);
        if (sent <= 0) return sent;
        _sent += sent;
        if (_sent == Tail)
        {
            _pool.Return(ref _block);
            _blockStart = Tail;
        }
        return sent;
    }

    /// <summary>Counts bytes that were sent without having been kept here.</summary>
    public void SkipSent(int bytes) => _blockStart = _sent = Tail += bytes;

    /// <summary>Forgets everything and gives the memory back.</summary>
    public void Release()
    {
        GateCount = 0;
        _sent = _blockStart = Tail;
        _pool.Return(ref _block);
        ReturnGates();
    }

    private void RemoveFirstGate()
    {
        _firstGate = (_firstGate + 1) & (_gates.Length - 1);
        if (--GateCount > 0) return;
        _firstGate = 0;
        if (_gates.Length > RetainedGates) ReturnGates();
    }

    private void ReturnGates()
    {
        if (_gates.Length > 0) ArrayPool<Gate>.Shared.Return(_gates);
        _gates = [];
        _firstGate = 0;
    }

    private void GrowGates()
    {
        // The pool's arrays have lengths of powers of two, which the ring needs.
        Gate[] larger = ArrayPool<Gate>.Shared.Rent(Math.Max(RetainedGates, 2 * _gates.Length));
        for (int i = 0; i < GateCount; i++) larger[i] = _gates[(_firstGate + i) & (_gates.Length - 1)];
        if (_gates.Length > 0) ArrayPool<Gate>.Shared.Return(_gates);
        _gates = larger;
        _firstGate = 0;
    }

    private bool TryMakeRoom(int more)
    {
        int kept = (int)(Tail - _sent);
        ReadOnlySpan<byte> pending = _block.IsNone ? default : _block.Span.Slice((int)(_sent - _blockStart), kept);
        if (!_block.IsNone && kept + more <= _block.Capacity / 2)
        {
            pending.CopyTo(_block.Span);
            _blockStart = _sent;
            return true;
        }
        if (!_pool.TryRent(Math.Max(kept + more, 2 * kept), out NativeBlock larger)) return false;
        pending.CopyTo(larger.Span);
        _pool.Return(ref _block);
        _block = larger;
        _blockStart = _sent;
        return true;
    }

    private void Copy(long from, long to, NativeBlock target, ref int written)
    {
        int length = (int)(to - from);
        if (length == 0) return;
        _block.Span.Slice((int)(from - _blockStart), length).CopyTo(target.Span[written..]);
        written += length;
    }
}

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Multicast.Transport;

/// <summary>
/// One thread over epoll that drives a node: sockets of the group, listeners and the writers of its services run here without locks
/// (docs/decisions/0001-one-loop.md). Level-triggered.
/// </summary>
/// <remarks>All members but <see cref="Post"/>, <see cref="Rounds"/> and <see cref="RequestStop"/> belong to the loop thread, or to any thread before <see cref="Run"/>.</remarks>
public sealed class EventLoop : IDisposable
{
    private const int MaxEvents = 256;
    private const int ClockRealTime = 0, ClockBootTime = 7;
    private readonly int _epoll;
    private readonly SafeFileHandle _wake;
    private readonly List<IReadinessHandler?> _handlers = [];
    private readonly Stack<int> _freeSlots = new();

    // A slot is reused only after the round in which it was given up: an event already fetched must not reach the next owner.
    private readonly List<int> _retiredSlots = [];
    private readonly Dictionary<int, int> _slotOfDescriptor = [];
    private readonly List<IRoundHandler> _roundHandlers = [];
    private readonly List<IRoundHandler> _closers = [];
    private readonly ConcurrentQueue<Action> _posted = new();
    private int _wakePending;
    private volatile bool _stopRequested;
    private long _rounds;
    private Thread? _thread;

    /// <summary>Creates the loop; <see cref="Run"/> or <see cref="Start"/> makes it turn.</summary>
    /// <exception cref="InvalidOperationException">The kernel refused epoll or an eventfd.</exception>
    public EventLoop()
    {
        const int closeOnExec = 0x80000, nonBlocking = 0x800;
        _epoll = Epoll.epoll_create1(closeOnExec);
        if (_epoll < 0) throw new InvalidOperationException($"epoll_create1 failed: errno {Marshal.GetLastPInvokeError()}");
        int wake = Epoll.eventfd(0, closeOnExec | nonBlocking);
        if (wake < 0) throw new InvalidOperationException($"eventfd failed: errno {Marshal.GetLastPInvokeError()}");
        _wake = new SafeFileHandle(wake, ownsHandle: true);
        Control(Epoll.Add, wake, Readiness.Read, -1);
        Now = ReadClock();
        WallMilliseconds = ReadWallClock();
    }

    /// <summary>Time at which the current round began, and again at which its end began; CLOCK_BOOTTIME.</summary>
    public Timestamp Now { get; private set; }

    /// <summary>Wall time at which the current round began, in milliseconds since the Unix epoch.</summary>
    public long WallMilliseconds { get; private set; }

    /// <summary>Rounds turned so far: the progress counter that the heartbeat thread watches. Any thread.</summary>
    public long Rounds => Volatile.Read(ref _rounds);

    /// <summary>Reads CLOCK_BOOTTIME (it goes on while the machine is suspended, so leases expire then too).</summary>
    public static unsafe Timestamp ReadClock()
    {
        Epoll.TimeSpec time;
        Epoll.clock_gettime(ClockBootTime, &time);
        return new Timestamp(time.Seconds * 1_000_000_000 + time.Nanoseconds);
    }

    /// <summary>Reads the wall clock: milliseconds since the Unix epoch. It may be stepped.</summary>
    public static unsafe long ReadWallClock()
    {
        Epoll.TimeSpec time;
        Epoll.clock_gettime(ClockRealTime, &time);
        return time.Seconds * 1000 + time.Nanoseconds / 1_000_000;
    }

    /// <summary>Watches a descriptor, which must be non-blocking.</summary>
    public void Register(int descriptor, Readiness interest, IReadinessHandler handler)
    {
        if (!_freeSlots.TryPop(out int slot))
        {
            slot = _handlers.Count;
            _handlers.Add(null);
        }
        _handlers[slot] = handler;
        _slotOfDescriptor.Add(descriptor, slot);
        Control(Epoll.Add, descriptor, interest, slot);
    }

    /// <summary>Changes what a registered descriptor is watched for.</summary>
    public void Change(int descriptor, Readiness interest) => Control(Epoll.Modify, descriptor, interest, _slotOfDescriptor[descriptor]);

    /// <summary>Stops watching a descriptor; call it before the descriptor is closed.</summary>
    public void Unregister(int descriptor)
    {
        if (!_slotOfDescriptor.Remove(descriptor, out int slot)) return;
        Control(Epoll.Delete, descriptor, Readiness.None, slot);
        _handlers[slot] = null;
        _retiredSlots.Add(slot);
    }

    /// <summary>Adds something that acts at the end of every round, in the order of addition.</summary>
    /// <param name="handler">What acts.</param>
    /// <param name="last">After all that were added without this: for what sends on what the others produced.</param>
    public void Add(IRoundHandler handler, bool last = false) => (last ? _closers : _roundHandlers).Add(handler);

    /// <summary>Removes what <see cref="Add"/> added. Not from within <see cref="IRoundHandler.OnRoundEnd"/>.</summary>
    public void Remove(IRoundHandler handler)
    {
        _roundHandlers.Remove(handler);
        _closers.Remove(handler);
    }

    /// <summary>Runs an action on the loop thread in the next round. Any thread; for control paths (it allocates), not for data.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        Wake();
    }

    /// <summary>Starts a round soon. Any thread; allocates nothing; after <see cref="Dispose"/> it does nothing.</summary>
    public unsafe void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) != 0 || _wake.IsClosed) return;
        ulong one = 1;
        try
        {
            _ = Epoll.write(_wake, &one, sizeof(ulong)); // EAGAIN only when the counter is full: then it is readable anyway
        }
        catch (ObjectDisposedException)
        {
            // Disposed between the check and the call: there is no round to start. The handle keeps the number from being reused meanwhile.
        }
    }

    /// <summary>Runs the loop on a new thread.</summary>
    public void Start(string name)
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs the loop on this thread until <see cref="RequestStop"/>.</summary>
    public unsafe void Run()
    {
        Epoll.Event* events = stackalloc Epoll.Event[MaxEvents];
        while (!_stopRequested)
        {
            Now = ReadClock();
            int count = Wait(events, NextDeadline());
            Now = ReadClock();
            WallMilliseconds = ReadWallClock();
            for (int i = 0; i < count; i++)
            {
                long slot = events[i].Data;
                if (slot < 0) DrainWake();
                else _handlers[(int)slot]?.OnReady((Readiness)events[i].Events);
            }
            // Only what stands there now: an action that posts itself again must not keep the round from ending.
            for (int posted = _posted.Count; posted > 0 && _posted.TryDequeue(out Action? action); posted--) action();
            Now = ReadClock();
            for (int i = 0; i < _roundHandlers.Count; i++) _roundHandlers[i].OnRoundEnd(Now);
            for (int i = 0; i < _closers.Count; i++) _closers[i].OnRoundEnd(Now);
            foreach (int slot in _retiredSlots) _freeSlots.Push(slot);
            _retiredSlots.Clear();
            Volatile.Write(ref _rounds, _rounds + 1);
        }
    }

    /// <summary>Ends <see cref="Run"/> after the current round. Any thread.</summary>
    public void RequestStop()
    {
        _stopRequested = true;
        Wake();
    }

    /// <summary>Waits for the thread that <see cref="Start"/> made to end. Not on that thread.</summary>
    public void Join() => _thread?.Join();

    /// <summary>Stops the loop, waits for its thread when <see cref="Start"/> made one, and releases the descriptors.</summary>
    public void Dispose()
    {
        RequestStop();
        if (_thread is not null && _thread != Thread.CurrentThread) _thread.Join();
        _ = Epoll.close(_epoll);
        _wake.Dispose();
    }

    private Timestamp NextDeadline()
    {
        Timestamp deadline = _posted.IsEmpty ? Timestamp.Never : Now;
        for (int i = 0; i < _roundHandlers.Count; i++) deadline = Timestamp.Min(deadline, _roundHandlers[i].NextDeadline);
        for (int i = 0; i < _closers.Count; i++) deadline = Timestamp.Min(deadline, _closers[i].NextDeadline);
        return deadline;
    }

    private unsafe int Wait(Epoll.Event* events, Timestamp deadline)
    {
        int count;
        if (deadline == Timestamp.Never)
        {
            count = Epoll.epoll_pwait2(_epoll, events, MaxEvents, null, null);
        }
        else
        {
            long wait = Math.Max(0, deadline.Nanoseconds - Now.Nanoseconds);
            Epoll.TimeSpec span = new() { Seconds = wait / 1_000_000_000, Nanoseconds = wait % 1_000_000_000 };
            count = Epoll.epoll_pwait2(_epoll, events, MaxEvents, &span, null);
        }
        if (count >= 0) return count;
        const int interrupted = 4;
        int error = Marshal.GetLastPInvokeError();
        return error == interrupted ? 0 : throw new InvalidOperationException($"epoll_pwait2 failed: errno {error}");
    }

    private unsafe void DrainWake()
    {
        ulong value;
        _ = Epoll.read(_wake, &value, sizeof(ulong));
        Interlocked.Exchange(ref _wakePending, 0); // a full fence: what is posted after it wakes again, what was posted before it is seen below
    }

    private unsafe void Control(int operation, int descriptor, Readiness interest, long slot)
    {
        Epoll.Event change = new() { Events = (uint)interest, Data = slot };
        if (Epoll.epoll_ctl(_epoll, operation, descriptor, &change) != 0)
            throw new InvalidOperationException($"epoll_ctl({operation}) of descriptor {descriptor} failed: errno {Marshal.GetLastPInvokeError()}");
    }
}

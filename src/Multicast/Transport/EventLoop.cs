using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>What a descriptor is watched for (values of epoll, uapi/linux/eventpoll.h).</summary>
[Flags]
public enum Readiness : uint
{
    /// <summary>Nothing: errors and hang-ups are reported all the same.</summary>
    None = 0,

    /// <summary>Readable.</summary>
    Read = 0x001,

    /// <summary>Writable.</summary>
    Write = 0x004,

    /// <summary>Error; always reported.</summary>
    Error = 0x008,

    /// <summary>Hang-up; always reported.</summary>
    HangUp = 0x010,

    /// <summary>The peer shut down its sending side.</summary>
    PeerClosed = 0x2000,
}

/// <summary>Owner of a descriptor in an <see cref="EventLoop"/>.</summary>
public interface IReadinessHandler
{
    /// <summary>The descriptor is ready. Called on the loop thread; must not block.</summary>
    void OnReady(Readiness ready);
}

/// <summary>Something that acts once per round of an <see cref="EventLoop"/>, after all ready descriptors were served.</summary>
public interface IRoundHandler
{
    /// <summary>Ends the round: flush, timers, deferred replies. Called on the loop thread; must not block.</summary>
    void OnRoundEnd(Timestamp now);

    /// <summary>When the next round must start even if no descriptor is ready; <see cref="Timestamp.Never"/> for no deadline.</summary>
    Timestamp NextDeadline { get; }
}

/// <summary>
/// One thread over epoll that drives a node: sockets of the group, listeners and the writers of its services run here without locks
/// (docs/decisions/0001-one-loop.md). Level-triggered.
/// </summary>
/// <remarks>All members but <see cref="Post"/>, <see cref="Rounds"/> and <see cref="RequestStop"/> belong to the loop thread, or to any thread before <see cref="Run"/>.</remarks>
public sealed class EventLoop : IDisposable
{
    private const int MaxEvents = 256;
    private const int ClockBootTime = 7;
    private readonly int _epoll;
    private readonly int _wake;
    private readonly List<IReadinessHandler?> _handlers = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly Dictionary<int, int> _slotOfDescriptor = [];
    private readonly List<IRoundHandler> _roundHandlers = [];
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
        _wake = Epoll.eventfd(0, closeOnExec | nonBlocking);
        if (_wake < 0) throw new InvalidOperationException($"eventfd failed: errno {Marshal.GetLastPInvokeError()}");
        Control(Epoll.Add, _wake, Readiness.Read, -1);
        Now = ReadClock();
    }

    /// <summary>Time at the start of the current round or of the current descriptor's callback, CLOCK_BOOTTIME.</summary>
    public Timestamp Now { get; private set; }

    /// <summary>Rounds turned so far: the progress counter that the heartbeat thread watches. Any thread.</summary>
    public long Rounds => Volatile.Read(ref _rounds);

    /// <summary>Reads CLOCK_BOOTTIME (it goes on while the machine is suspended, so leases expire then too).</summary>
    public static unsafe Timestamp ReadClock()
    {
        Epoll.TimeSpec time;
        Epoll.clock_gettime(ClockBootTime, &time);
        return new Timestamp(time.Seconds * 1_000_000_000 + time.Nanoseconds);
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

    // A slot is reused only after the round in which it was given up: an event already fetched must not reach the next owner.
    private readonly List<int> _retiredSlots = [];

    /// <summary>Adds something that acts at the end of every round, in the order of addition.</summary>
    public void Add(IRoundHandler handler) => _roundHandlers.Add(handler);

    /// <summary>Removes what <see cref="Add"/> added. Not from within <see cref="IRoundHandler.OnRoundEnd"/>.</summary>
    public void Remove(IRoundHandler handler) => _roundHandlers.Remove(handler);

    /// <summary>Runs an action on the loop thread in the next round. Any thread; for control paths (it allocates), not for data.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        Wake();
    }

    /// <summary>Starts a round soon. Any thread; allocates nothing.</summary>
    public unsafe void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) != 0) return;
        ulong one = 1;
        _ = Epoll.write(_wake, &one, sizeof(ulong)); // EAGAIN only when the counter is full: then it is readable anyway
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
            Timestamp deadline = Timestamp.Never;
            foreach (IRoundHandler handler in _roundHandlers) deadline = Timestamp.Min(deadline, handler.NextDeadline);
            int count = Wait(events, deadline);
            Now = ReadClock();
            for (int i = 0; i < count; i++)
            {
                long slot = events[i].Data;
                if (slot < 0) DrainWake();
                else _handlers[(int)slot]?.OnReady((Readiness)events[i].Events);
            }
            while (_posted.TryDequeue(out Action? action)) action();
            Now = ReadClock();
            for (int i = 0; i < _roundHandlers.Count; i++) _roundHandlers[i].OnRoundEnd(Now);
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

    /// <summary>Stops the loop, waits for its thread when <see cref="Start"/> made one, and releases the descriptors.</summary>
    public void Dispose()
    {
        RequestStop();
        if (_thread is not null && _thread != Thread.CurrentThread) _thread.Join();
        _ = Epoll.close(_epoll);
        _ = Epoll.close(_wake);
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

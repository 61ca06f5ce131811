using System.Net;
using System.Runtime.InteropServices;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Protocol;

namespace Appliance.Multicast.Transport;

/// <summary>Sends this node's heartbeats on time and receives the others', on a thread and sockets of its own.</summary>
/// <remarks>
/// Allocates nothing once it runs. Beats only while the watched progress counters advance: a node that hangs falls silent.
/// What it receives it stamps and hands to the loop through a <see cref="HeartbeatRing"/>; the loop opens it in its next round, which its own tick
/// brings within half an interval: to wake it for every beat would cost an idle node more than all its other work.
/// </remarks>
internal sealed unsafe class HeartbeatThread : IDisposable
{
    internal const int ReceiveBatch = 32;
    private const int MaxBatchesPerWake = 8;

    /// <summary>Above ordinary real-time programs would be presumptuous; above ordinary threads is enough.</summary>
    private const int Priority = 10;

    private readonly EventLoop _loop;
    private readonly DatagramSockets _sockets;
    private readonly HeartbeatSource _source;
    private readonly long _intervalNanoseconds;
    private readonly IPEndPoint[] _peers;
    private readonly SecondPath? _second;
    private readonly bool _realtime;
    private readonly DatagramReceiver _unicastReceiver;
    private readonly DatagramReceiver? _groupReceiver;
    private readonly DatagramSender _sender;
    private readonly DestinationCache _destinations;
    private readonly int _wake;
    private readonly byte* _beat;
    private readonly int _beatBytes;
    private readonly Thread _thread;
    private NativeAddress _group;
    private volatile bool _stop;
    private volatile bool _quiet;
    private long _drainRequests, _drainsDone;
    private long _sent, _received, _withheld, _skipped;

    internal HeartbeatThread(GroupSettings settings, int datagramBytes, DatagramSockets sockets, HeartbeatSource source, EventLoop loop, SecondPath? second)
    {
        _loop = loop;
        _sockets = sockets;
        _source = source;
        _second = second;
        _group = sockets.GroupAddress;
        _intervalNanoseconds = settings.Heartbeat.Ticks * 100;
        _realtime = settings.RealtimeHeartbeats;
        _beatBytes = datagramBytes;
        _beat = (byte*)NativeMemory.AllocZeroed((nuint)datagramBytes);
        _destinations = new DestinationCache(settings.HeartbeatPortOffset);
        _peers = settings.UseMulticast ? [] : UnicastPeers.Of(settings, sockets);
        _unicastReceiver = new DatagramReceiver(sockets.Unicast.SafeHandle, datagramBytes, ReceiveBatch, coalesce: false, Counters);
        _groupReceiver = sockets.Group is null ? null : new DatagramReceiver(sockets.Group.SafeHandle, datagramBytes, ReceiveBatch, coalesce: false, Counters);
        _sender = new DatagramSender(sockets.Unicast.SafeHandle, SendMethod.BatchedCalls, Counters, pendingBytes: 4096);
        Ring = new HeartbeatRing(datagramBytes);
        Progress = new ProgressWatch(settings.HangAfter);
        Progress.Add(ProgressWatch.Loop, () => loop.Rounds);
        const int closeOnExec = 0x80000, nonBlocking = 0x800;
        _wake = Epoll.eventfd(0, closeOnExec | nonBlocking);
        if (_wake < 0) throw new GroupTransportException($"the kernel refused an eventfd: {Errno.Name(Marshal.GetLastPInvokeError())}");
        _thread = new Thread(Run) { Name = "heartbeat", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Received heartbeats for the loop.</summary>
    internal HeartbeatRing Ring { get; }

    /// <summary>What must advance for this node to count as alive.</summary>
    internal ProgressWatch Progress { get; }

    /// <summary>How late the beats were sent.</summary>
    internal LatenessHistogram Lateness { get; } = new();

    /// <summary>What the sockets did.</summary>
    internal TransportCounters Counters { get; } = new();

    /// <summary>Why the thread has no real-time priority; null when it has.</summary>
    internal string? WhyNotRealtime { get; private set; } = "not started yet";

    /// <summary>Beats sent.</summary>
    internal long Sent => Volatile.Read(ref _sent);

    /// <summary>Heartbeats received.</summary>
    internal long Received => Volatile.Read(ref _received);

    /// <summary>Beats not sent because something hung.</summary>
    internal long Withheld => Volatile.Read(ref _withheld);

    /// <summary>Beats whose time had passed when the thread ran again.</summary>
    internal long Skipped => Volatile.Read(ref _skipped);

    /// <summary>Sends no beats any more, but goes on receiving: after goodbye.</summary>
    internal void Quieten() => _quiet = true;

    /// <summary>Makes sure that what has arrived at the sockets is in the ring, when the loop finds itself late. Waits for the thread, at most 5 ms.</summary>
    internal void DrainNow()
    {
        long request = Interlocked.Increment(ref _drainRequests);
        Wake();
        Timestamp deadline = EventLoop.ReadClock() + TimeSpan.FromMilliseconds(5);
        SpinWait spin = default;
        while (Volatile.Read(ref _drainsDone) < request && EventLoop.ReadClock() < deadline) spin.SpinOnce();
    }

    /// <summary>Stops the thread and frees its memory; the sockets stay the owner's.</summary>
    public void Dispose()
    {
        if (_stop) return;
        _stop = true;
        Wake();
        _thread.Join();
        _ = Epoll.close(_wake);
        _unicastReceiver.Dispose();
        _groupReceiver?.Dispose();
        _sender.Dispose();
        Ring.Dispose();
        NativeMemory.Free(_beat);
    }

    private void Run()
    {
        int errno = _realtime ? Scheduling.MakeRealtime(Priority) : 0;
        WhyNotRealtime = !_realtime ? "not asked for"
            : errno != 0 ? $"SCHED_FIFO refused: {Errno.Name(errno)}; allow it with CAP_SYS_NICE or LimitRTPRIO={Priority}"
            : null;
        Poll.Entry* entries = stackalloc Poll.Entry[4];
        entries[0] = new Poll.Entry { Descriptor = _wake, Events = Poll.In };
        entries[1] = new Poll.Entry { Descriptor = (int)_sockets.Unicast.SafeHandle.DangerousGetHandle(), Events = Poll.In };
        int count = 2;
        if (_sockets.Group is not null) entries[count++] = new Poll.Entry { Descriptor = (int)_sockets.Group.SafeHandle.DangerousGetHandle(), Events = Poll.In };
        int secondEntry = count;
        if (_second is not null) entries[count++] = new Poll.Entry { Descriptor = _second.Descriptor, Events = Poll.In };
        long due = EventLoop.ReadClock().Nanoseconds + _intervalNanoseconds;
        while (!_stop)
        {
            long wait = due - EventLoop.ReadClock().Nanoseconds;
            if (Poll.Wait(entries, count, Math.Max(0, wait)) > 0) Drain(entries, secondEntry);
            Timestamp now = EventLoop.ReadClock();
            if (now.Nanoseconds < due) continue;
            Lateness.Record(now.Nanoseconds - due);
            Beat(now);
            long missed = (now.Nanoseconds - due) / _intervalNanoseconds;
            Volatile.Write(ref _skipped, _skipped + missed);
            due += (missed + 1) * _intervalNanoseconds;
        }
    }

    private void Drain(Poll.Entry* entries, int secondEntry)
    {
        long request = Volatile.Read(ref _drainRequests);
        bool all = request != _drainsDone;                 // what came between the poll and the request counts too
        if (entries[0].Returned != 0)
        {
            ulong value;
            _ = Epoll.read(_wake, &value, sizeof(ulong));
        }
        if (all || entries[1].Returned != 0) Drain(_unicastReceiver, ReceivePath.Heartbeat);
        if (_groupReceiver is not null && (all || entries[2].Returned != 0)) Drain(_groupReceiver, ReceivePath.Heartbeat);
        if (_second is not null && (all || entries[secondEntry].Returned != 0)) Drain(_second.Receiver, ReceivePath.Second);
        Volatile.Write(ref _drainsDone, request);
        if (Ring.IsFilling) _loop.Wake();
    }

    private void Drain(DatagramReceiver receiver, ReceivePath path)
    {
        var handler = new Handler(this, path);
        for (int i = 0; i < MaxBatchesPerWake; i++)
            if (receiver.Receive(ref handler) < receiver.Capacity) return;
    }

    private void Beat(Timestamp now)
    {
        if (_quiet) return;
        if (!Progress.Check(now))
        {
            Volatile.Write(ref _withheld, _withheld + 1);
            return;
        }
        int length = _source.TryWrite(now, EventLoop.ReadWallClock(), new Span<byte>(_beat, _beatBytes));
        if (length == 0) return;
        var datagram = new ReadOnlySpan<byte>(_beat, length);
        if (_sockets.Group is not null) _sender.Send(ref _group, datagram, length);
        foreach (IPEndPoint peer in _peers) _sender.Send(ref _destinations.Find(peer), datagram, length);
        foreach (IPEndPoint member in _source.UnicastDestinations) _sender.Send(ref _destinations.Find(member), datagram, length);
        if (_sender.PendingBytes > 0) _sender.OnWritable();
        if (_second is not null) BeatOnSecondPath(now, _second);
        Volatile.Write(ref _sent, _sent + 1);
    }

    // A beat of its own, with a counter of its own: a copy would be taken for a replay, and the path could not be judged.
    private void BeatOnSecondPath(Timestamp now, SecondPath second)
    {
        int length = _source.TryWrite(now, EventLoop.ReadWallClock(), new Span<byte>(_beat, _beatBytes));
        if (length > 0) second.Send(new ReadOnlySpan<byte>(_beat, length));
    }

    private void Wake()
    {
        ulong one = 1;
        _ = Epoll.write(_wake, &one, sizeof(ulong));
    }

    private struct Handler(HeartbeatThread owner, ReceivePath path) : IDatagramHandler
    {
        public readonly void OnDatagram(Span<byte> datagram, ref NativeAddress source)
        {
            if (datagram.IsEmpty)
            {
                owner.Counters.ProbesIgnored++;
                return;
            }
            if (source.Equals(owner._sockets.Own))
            {
                owner.Counters.OwnDatagramsIgnored++;
                return;
            }
            if (owner.Ring.TryWrite(EventLoop.ReadClock(), ref source, (byte)path, datagram)) Volatile.Write(ref owner._received, owner._received + 1);
        }
    }
}

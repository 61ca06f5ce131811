using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>A member of the group: publishes as asked, counts and times what it receives.</summary>
internal sealed class GroupNode : IGroupHandler, IRoundHandler, IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly MulticastGroup _group;
    private readonly LatencyHistogram _latencies = new();
    private byte[] _message = [];
    private ManualResetEventSlim? _published;
    private Timestamp _startedAt, _endsAt = new(0), _drainedAt;
    private long _sent, _perSecond, _delivered, _deliveredBefore, _allocatedBefore, _gaps;
    private TimeSpan _processorBefore;
    private bool _publishing, _blocked, _measuresLatency;

    internal GroupNode(string name, string address, bool isSealed)
    {
        _group = MulticastGroup.Start(
            new GroupSettings
            {
                Name = "bench",
                NodeName = name,
                Incarnation = (ulong)EventLoop.ReadWallClock(),
                Interface = address,
                Sealed = isSealed,
                Keys = [new GroupKey(1, new byte[32])],
            },
            _loop,
            this);
        _loop.Add(this);
        _loop.Start(name);
    }

    Timestamp IRoundHandler.NextDeadline => !_publishing || _blocked ? Timestamp.Never : _perSecond == 0 ? _loop.Now : NextDue();

    internal Answer Meet(int others)
    {
        Until.True("the members have met", TimeSpan.FromSeconds(10), () => Ask(() => _group.Members.Count(static member => member is { State: MemberState.Live, WaitedFor: true }) == others));
        return new Answer();
    }

    internal Answer Publish(int bytes, TimeSpan time, int perSecond)
    {
        var published = new ManualResetEventSlim();
        long allocated = 0;
        Ask(() =>
        {
            _published = published;                        // here: a round that ends before the first message would call all of it received
            _message = new byte[bytes];
            _perSecond = perSecond;
            _sent = 0;
            allocated = GC.GetAllocatedBytesForCurrentThread();
            _processorBefore = Environment.CpuUsage.TotalTime;
            _startedAt = _loop.Now;
            _endsAt = _startedAt + time;
            _publishing = true;
            _blocked = false;
            return 0;
        });
        published.Wait();
        return Ask(() =>
        {
            MulticastStatus status = null!;
            long now = GC.GetAllocatedBytesForCurrentThread();
            status = _group.ReadStatus();
            var answer = new Answer()
                .With("messages", _sent)
                .With("processor", (Environment.CpuUsage.TotalTime - _processorBefore).TotalMicroseconds)
                .With("seconds", (_drainedAt - _startedAt).TotalSeconds)
                .With("allocated", now - allocated)
                .With("datagrams", status.Transport.DatagramsSent)
                .With("calls", status.Transport.SendCalls);
            foreach ((string name, long value) in status.Protocol) answer.With(name, value);
            return answer;
        });
    }

    internal Answer BeginReceive() => Ask(() =>
    {
        _deliveredBefore = _delivered;
        _latencies.Clear();
        _processorBefore = Environment.CpuUsage.TotalTime;
        _measuresLatency = true;
        _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        return new Answer();
    });

    internal Answer EndReceive() => Ask(() =>
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
        _measuresLatency = false;
        MulticastStatus status = _group.ReadStatus();
        var answer = new Answer()
            .With("messages", _delivered - _deliveredBefore)
            .With("processor", (Environment.CpuUsage.TotalTime - _processorBefore).TotalMicroseconds)
            .With("allocated", allocated)
            .With("gaps", _gaps)
            .With("p50", _latencies.QuantileMicroseconds(0.5))
            .With("p99", _latencies.QuantileMicroseconds(0.99))
            .With("drops", status.ReceiveDrops)
            .With("receiveCalls", status.Transport.ReceiveCalls);
        foreach ((string name, long value) in status.Protocol) answer.With(name, value);
        return answer;
    });

    public void OnDeliver(GroupMember sender, ulong throughSequence, MessageRun run)
    {
        long now = _measuresLatency ? EventLoop.ReadClock().Nanoseconds : 0;
        foreach (ReadOnlySpan<byte> message in run)
        {
            _delivered++;
            if (_measuresLatency) _latencies.Record(now - BitConverter.ToInt64(message));
        }
    }

    public void OnStreamGap(GroupMember sender, ulong from, ulong through, GapReason reason)
    {
        if (reason != GapReason.JoinedLate) _gaps++;
    }

    public void OnMemberChanged(GroupMember member, MemberChange change)
    {
        if (change is MemberChange.Ejected or MemberChange.Suspected) Console.Error.WriteLine($"{_group.Name}: {member.Name} {change}");
    }

    public void OnProgress()
    {
    }

    public void OnWindowOpen() => _blocked = false;

    void IRoundHandler.OnRoundEnd(Timestamp now)
    {
        if (_publishing) PublishMore(now);
        else if (_published is { IsSet: false } && _group.Members.All(member => member.ReceivedThrough >= _group.PublishedThrough))
        {
            _drainedAt = now;
            _published.Set();
        }
    }

    public void Dispose()
    {
        Ask(() =>
        {
            _group.Dispose();
            return 0;
        });
        _loop.Dispose();
    }

    private void PublishMore(Timestamp now)
    {
        // As a listener does it: a bounded piece of work in each round, four super-packets or about a millisecond.
        int perRound = Math.Max(1, 240_000 / _message.Length);
        long due = _perSecond == 0 ? long.MaxValue : (long)((now - _startedAt).TotalSeconds * _perSecond);
        for (int i = 0; i < perRound && _sent < due && !_blocked; i++)
        {
            BitConverter.TryWriteBytes(_message, now.Nanoseconds);
            if (_group.TryPublish(_message, PublishOptions.None, out _)) _sent++;
            else _blocked = true;
        }
        if (now >= _endsAt) _publishing = false;
    }

    private Timestamp NextDue() => _startedAt + TimeSpan.FromSeconds((_sent + 1.0) / _perSecond);

    private T Ask<T>(Func<T> question)
    {
        T answer = default!;
        using var done = new ManualResetEventSlim();
        _loop.Post(() =>
        {
            answer = question();
            done.Set();
        });
        done.Wait();
        return answer;
    }
}

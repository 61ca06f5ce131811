using System.Net;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Perf.Macro.Multicast;
using Appliance.State;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>A node's loop, group, mirror and snapshots, put together as the product does, without listeners: the primary writes as it is told.</summary>
internal sealed class MirrorMember : IRoundHandler, IStoreObserver, ITermStore, IDisposable
{
    private const string Service = "bench", Primary = "a";
    private const int GroupPort = 7870;
    private static readonly string[] Members = ["a", "b", "c"];
    private readonly EventLoop _loop = new();
    private readonly SealedSyncTransport _channels;
    private readonly SynchronisationServer _snapshots;
    private readonly StateMirror _mirror;
    private readonly MulticastGroup _group;
    private readonly ServiceStore _store;
    private readonly MirrorStopwatch _stopwatch = new();
    private readonly Thread _thread;
    private MirrorWriter? _writer;

    internal MirrorMember(string name, string address)
    {
        ulong incarnation = (ulong)EventLoop.ReadWallClock();
        GroupKey[] keys = [new GroupKey(1, new byte[32])];
        byte[] seed = new byte[BuzHash.SeedBytes];
        BitConverter.TryWriteBytes(seed, incarnation);
        seed[^1] = (byte)name[0];
        var options = new StateMirrorOptions
        {
            Node = name,
            DataMembers = Members,
            Services = [new MirroredServiceOptions(Service, Primary)],
            Classes = [ClassOptions.DefaultsOf(RecordClass.Purchase) with { Acks = new AcknowledgementRule(2) }],
            Hash = new BuzHash(seed),
            Limits = new StoreLimits { MemoryBytes = 2L << 30 },
            RecoveryGrace = TimeSpan.Zero, // nobody survives from an earlier run
        };
        var connections = new SealedConnectionSettings { GroupName = Service, NodeName = name, Keys = keys };
        int frameBytes = SyncLimits.MessageBytes(options.Limits);
        _channels = new SealedSyncTransport(_loop, connections, frameBytes);
        _mirror = new StateMirror(options, _channels, this, _stopwatch.Note);
        _snapshots = SynchronisationServer.Start(new IPEndPoint(IPAddress.Parse(address), GroupPort), connections, frameBytes, _mirror.CreateServerSession);
        var group = new GroupSettings
        {
            Name = Service,
            NodeName = name,
            Incarnation = incarnation,
            Interface = address,
            Port = GroupPort,
            Keys = keys,
            SynchronisationEndPoint = _snapshots.EndPoint,
        };
        _group = MulticastGroup.Start(group, _loop, _mirror);
        _mirror.Start(_group);
        _store = _mirror.Store(Service);
        _store.Subscribe(this);
        _loop.Add(_mirror);
        _loop.Add(this);
        _thread = new Thread(_loop.Run) { Name = "loop", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _writer is { IsBlocked: false } ? _loop.Now : Timestamp.Never;

    /// <summary>Waits until this node is synchronised and sees so many others that are.</summary>
    internal Answer Meet(int others)
    {
        Until.True("the members have met and are synchronised", TimeSpan.FromSeconds(30),
            () => Ask(() => _mirror.IsSynchronised && _group.Members.Count(static member => member is { State: MemberState.Live, Synchronised: true }) == others));
        return new Answer();
    }

    /// <summary>Writes updates as fast as the windows allow, or one at a time when each is to be acknowledged, until all are applied by all.</summary>
    internal Answer Write(MirrorWriter writer)
    {
        Ask(() =>
        {
            writer.Begin(_store, _loop.Now);
            _writer = writer;
            return 0;
        });
        writer.Wait();
        return Ask(() =>
        {
            _writer = null;
            var answer = new Answer()
                .With("updates", writer.Updates)
                .With("seconds", writer.Seconds)
                .With("allocated", writer.AllocatedBytes)
                .With("p50", writer.Latencies.Quantile(0.5) / 1000)
                .With("p99", writer.Latencies.Quantile(0.99) / 1000);
            return AddCounters(answer);
        });
    }

    /// <summary>What this node allocated on its loop since the last call, and what it counted.</summary>
    internal Answer Count() => Ask(() => AddCounters(new Answer().With("allocated", GC.GetAllocatedBytesForCurrentThread())));

    /// <summary>Number of keys, and a sum over the first so many keys and their values that does not depend on their order.</summary>
    internal Answer Contents(int keys)
    {
        ulong sum = 0;
        const int step = 8192; // a piece of work that holds no round up for long
        for (int from = 0; from < keys; from += step)
        {
            int first = from, through = Math.Min(keys, from + step);
            sum += Ask(() => MirrorRecords.Sum(_store, first, through));
        }
        return new Answer().With("keys", Ask(() => _store.KeyCount)).With("high", sum >> 32).With("low", sum & uint.MaxValue);
    }

    /// <summary>How long the last resynchronisation took, from the decision to fetch a snapshot until this node was complete.</summary>
    internal Answer Resynchronised() => Ask(() => AddCounters(new Answer().With("seconds", _stopwatch.Seconds)));

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now) => _writer?.Continue(_group, now);

    /// <inheritdoc/>
    public void OnResolved() => _writer?.OnResolved();

    /// <inheritdoc/>
    public void OnWritable() => _writer?.OnWritable();

    /// <inheritdoc/>
    public void OnRoleChanged()
    {
    }

    /// <inheritdoc/>
    public ulong ReadTerm(string service) => 0;

    /// <inheritdoc/>
    public void WriteTerm(string service, ulong term)
    {
    }

    public void Dispose()
    {
        _loop.RequestStop();
        _thread.Join();
        _channels.Dispose();
        _snapshots.Dispose();
        _group.Dispose();
        _mirror.Dispose();
        _loop.Dispose();
    }

    private Answer AddCounters(Answer answer)
    {
        MulticastStatus status = _group.ReadStatus();
        answer.With("rounds", _loop.Rounds).With("sendCalls", status.Transport.SendCalls).With("datagramsSent", status.Transport.DatagramsSent)
            .With("receiveCalls", status.Transport.ReceiveCalls).With("datagramsReceived", status.Transport.DatagramsReceived).With("drops", status.ReceiveDrops);
        foreach ((string name, long value) in status.Protocol) answer.With(name, value);
        return answer;
    }

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

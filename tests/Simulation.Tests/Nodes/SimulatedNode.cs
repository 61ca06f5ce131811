using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>A host with one process: sockets, clocks, and the real engine in its present life. It turns as the product's event loop does: drain, serve, flush, timers.</summary>
internal sealed class SimulatedNode : IGroup, IDisposable
{
    private const long WakeUp = 30_000;                    // ns from a datagram's arrival to the start of the round that reads it
    private const long HeartbeatPatience = 100_000_000;    // the heartbeat thread falls silent when the loop does not turn for so long
    private const int MostRounds = 4_000_000;              // an engine that asks for a round at once for ever is a busy loop
    private readonly EventQueue _queue;
    private readonly VirtualNetwork _network;
    private readonly SimulationRandom _random;
    private readonly EngineOptions _options;
    private readonly SocketBuffer[] _sockets;
    private readonly List<GroupKey> _keys;
    private readonly byte[] _scratch = new byte[Packet.MaxBytes];
    private long _scheduledRound = long.MaxValue;
    private long _lastRound;
    private long _thawed;
    private int _heartbeatTimer;
    private GroupEngine? _engine;
    private INodeApplication? _application;
    private bool _linkChanged;
    private bool _linkUp = true;
    private int _deaf;

    internal SimulatedNode(int index, EngineOptions options, EventQueue queue, VirtualNetwork network, NodeClock clock, SimulationRandom random, int socketCapacity)
    {
        Index = index;
        Name = NameOf(index);
        Self = NodeId.FromName(Name);
        Clock = clock;
        _options = options;
        _keys = [.. options.Keys];
        _queue = queue;
        _network = network;
        _random = random;
        _sockets = [new SocketBuffer(socketCapacity), new SocketBuffer(socketCapacity), new SocketBuffer(Math.Max(32, socketCapacity / 4))];
    }

    /// <summary>Position in the group.</summary>
    internal int Index { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public NodeId Self { get; }

    /// <summary>Its clocks.</summary>
    internal NodeClock Clock { get; }

    /// <summary>A process runs (perhaps frozen).</summary>
    internal bool Alive => _engine is not null;

    /// <summary>Faults that keep the whole process from running (SIGSTOP, a stolen processor).</summary>
    internal int Frozen { get; private set; }

    /// <summary>Faults that keep only the loop from turning.</summary>
    internal int Stalled { get; private set; }

    /// <summary>Since when neither the process nor its loop was stopped (as far as it is not stopped now).</summary>
    internal long RunningSince { get; private set; }

    /// <summary>Least time between rounds in nanoseconds: large for a node that cannot keep up.</summary>
    internal long RoundInterval { get; set; }

    /// <summary>Datagrams read per round at most.</summary>
    internal int DrainLimit { get; set; } = 256;

    /// <summary>It said goodbye and ends as soon as all is drained.</summary>
    internal bool Leaving { get; private set; }

    /// <summary>Rounds turned so far.</summary>
    internal int Rounds { get; private set; }

    /// <summary>The engine of the present life.</summary>
    internal GroupEngine Engine => _engine ?? throw new InvalidOperationException($"{Name} is down");

    /// <summary>What runs above it.</summary>
    internal INodeApplication Application => _application ?? throw new InvalidOperationException($"{Name} is down");

    /// <inheritdoc/>
    public ulong Incarnation { get; private set; }

    /// <inheritdoc/>
    public Timestamp Now { get; private set; }

    /// <inheritdoc/>
    public long WallMilliseconds { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<GroupMember> Members => Engine.Members;

    /// <inheritdoc/>
    public int MaxMessageBytes => Engine.MaxMessageBytes;

    /// <inheritdoc/>
    public long PublishableBytes => Engine.PublishableBytes;

    /// <inheritdoc/>
    public ulong PublishedThrough => Engine.PublishedThrough;

    /// <inheritdoc/>
    public bool IsRefused => Engine.LastRefusal is { } refusal && Now - refusal.At <= RefusedTraffic.EndsAfter;

    /// <summary>Where counters of ended lives go.</summary>
    internal Action<EngineCounters>? LifeEnded { get; set; }

    /// <summary>Name of the node at an index.</summary>
    internal static string NameOf(int index) => $"node-{index}";

    /// <summary>Starts a life with empty memory.</summary>
    internal void Start(long time, Func<SimulatedNode, INodeApplication> makeApplication)
    {
        SetTime(time);
        Incarnation += (ulong)_random.Between(1, 3);
        _application = makeApplication(this);
        EngineIdentity identity = new()
        {
            Name = Name,
            Incarnation = Incarnation,
            Salt = new UInt128(_random.Next(), _random.Next()),
            Nonce = _random.Next(),
            RandomSeed = _random.Next(),
            SynchronisationEndPoint = _network.EndPointOf(Index),
        };
        _engine = new GroupEngine(_options with { Keys = [.. _keys] }, identity, _application);
        Leaving = false;
        _lastRound = RunningSince = time;
        _linkChanged = !_linkUp;
        Wake(time);
        _heartbeatTimer++;
        _queue.Add(time + _random.Between(0L, HeartbeatNanoseconds), EventKind.Heartbeat, Index, _heartbeatTimer);
    }

    /// <summary>Ends the life at once: kill -9.</summary>
    internal void Crash()
    {
        if (_engine is null) return;
        LifeEnded?.Invoke(_engine.Counters);
        _engine.Dispose();
        _application!.Dispose();
        (_engine, _application) = (null, null);
        foreach (SocketBuffer socket in _sockets)
        {
            while (socket.TryTake(out int packet, out _)) _network.Packets.Release(packet);
        }
        _scheduledRound = long.MaxValue;
        Frozen = Stalled = _deaf = 0;
        RoundInterval = 0;
        DrainLimit = 256;
    }

    /// <summary>Says goodbye.</summary>
    internal void Leave(long time)
    {
        SetTime(time);
        NodeSink sink = new(_network, Index, _options.Transport);
        Engine.Leave(Now, ref sink);
        Application.OnLeaving();
        Leaving = true;
        Wake(time);
    }

    /// <summary>The operator gives the node a new key, before any node seals with it.</summary>
    internal void AcceptKey(GroupKey key)
    {
        _keys.Insert(0, key);
        _engine?.RotateKey(key.Id, key.Bytes.Span);
    }

    /// <summary>The operator tells the node to seal with a key that all accept.</summary>
    internal void SealWith(ushort keyId)
    {
        GroupKey key = _keys.Single(k => k.Id == keyId);
        _keys.Remove(key);
        _keys.Add(key);
        _engine?.SealWith(keyId);
    }

    /// <summary>The operator withdraws a key with which nobody seals any more.</summary>
    internal void ForgetKey(ushort keyId)
    {
        _keys.RemoveAll(k => k.Id == keyId);
        _engine?.ForgetKey(keyId);
    }

    /// <summary>Stops the process or its loop.</summary>
    internal void Halt(bool loopOnly)
    {
        if (loopOnly) Stalled++;
        else Frozen++;
    }

    /// <summary>The machine takes nothing from the wire, or does again.</summary>
    internal void SetDeaf(bool deaf) => _deaf = Math.Max(0, _deaf + (deaf ? 1 : -1));

    /// <summary>Lets it go on.</summary>
    internal void Continue(long time, bool loopOnly)
    {
        if (loopOnly) Stalled = Math.Max(0, Stalled - 1);
        else Frozen = Math.Max(0, Frozen - 1);
        if (!loopOnly) _thawed = time;
        RunningSince = time;
        Wake(time);
    }

    /// <summary>The link watcher reports a change.</summary>
    internal void OnLink(long time, bool up)
    {
        _linkUp = up;
        _linkChanged = true;
        Wake(time);
    }

    /// <summary>A datagram reaches a socket.</summary>
    internal void OnArrival(long time, int packet, SocketKind socket)
    {
        if (_engine is null || _deaf > 0 || !_sockets[(int)socket].TryAdd(packet, time))
        {
            if (_engine is not null) _network.Counters.Overflowed++;
            _network.Packets.Release(packet);
            return;
        }
        _network.Counters.Delivered++;
        Wake(time + WakeUp);
    }

    /// <summary>The heartbeat thread's timer.</summary>
    internal void OnHeartbeat(long time, int timer)
    {
        if (timer != _heartbeatTimer || _engine is null) return;
        _queue.Add(time + HeartbeatNanoseconds + _random.Between(0L, HeartbeatNanoseconds / 16), EventKind.Heartbeat, Index, timer);
        if (Frozen > 0 || (Stalled > 0 && time - _lastRound > HeartbeatPatience)) return;
        int length = _engine.Heartbeats.TryWrite(Clock.Monotonic(time), Clock.WallMilliseconds(time), _scratch);
        if (length == 0) return;
        ReadOnlySpan<byte> heartbeat = _scratch.AsSpan(0, length);
        if (_options.Transport == GroupTransport.Unicast)
        {
            _network.SendToEach(Index, heartbeat, SocketKind.Unicast);
            return;
        }
        _network.SendToGroup(Index, heartbeat, length, SocketKind.Heartbeat);
        foreach (IPEndPoint destination in _engine.Heartbeats.UnicastDestinations) _network.SendTo(Index, destination, heartbeat);
    }

    /// <summary>Turns the loop once, if this is the round that is scheduled.</summary>
    internal void OnRound(long time)
    {
        if (time != _scheduledRound || _engine is null) return;
        _scheduledRound = long.MaxValue;
        if (Frozen > 0 || Stalled > 0) return;
        if (++Rounds > MostRounds) throw new InvariantViolation($"{Name} turned {Rounds} rounds: a busy loop, next deadline {_engine.NextDeadline.Nanoseconds}, now {Now.Nanoseconds}");
        SetTime(time);
        _lastRound = time;
        GroupEngine engine = _engine;
        NodeSink sink = new(_network, Index, _options.Transport);
        if (_linkChanged)
        {
            _linkChanged = false;
            engine.OnLinkChanged(Now, _linkUp);
        }
        if (Drain(engine, ref sink)) engine.EndReceiveBatch(Now, ref sink);
        _application!.OnRound(time);
        engine.Flush(Now, ref sink);
        if (engine.NextDeadline <= Now) engine.OnTick(Now, WallMilliseconds, ref sink);
        if (Leaving && engine.IsDrained)
        {
            _application.OnDrained();
            Crash();
        }
        else
        {
            ScheduleNext(time);
        }
    }

    /// <inheritdoc/>
    public bool TryPublish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence)
    {
        NodeSink sink = new(_network, Index, _options.Transport);
        return Engine.TryPublish(Now, message, options, out sequence, ref sink);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        NodeSink sink = new(_network, Index, _options.Transport);
        Engine.Flush(Now, ref sink);
    }

    /// <inheritdoc/>
    public void DeclareSynchronised(bool synchronised) => Engine.DeclareSynchronised(synchronised);

    /// <inheritdoc/>
    public void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) => Engine.PublishBeatExtension(extension, validUntil, hurry);

    /// <summary>Makes the loop turn at a time at the latest.</summary>
    internal void Wake(long time)
    {
        if (_engine is null || Frozen > 0 || Stalled > 0) return;
        time = Math.Max(time, _lastRound + RoundInterval);
        if (time >= _scheduledRound) return;
        _scheduledRound = time;
        _queue.Add(time, EventKind.Round, Index);
    }

    /// <inheritdoc/>
    public void Dispose() => Crash();

    private long HeartbeatNanoseconds => _options.Heartbeat.Ticks * 100;

    private bool Drain(GroupEngine engine, ref NodeSink sink)
    {
        int left = DrainLimit;
        bool any = false;
        for (int kind = _sockets.Length - 1; kind >= 0; kind--) // heartbeats first: who is alive must not depend on how much data waits
        {
            while (left > 0 && _sockets[kind].TryTake(out int slot, out long receivedAt))
            {
                Packet packet = _network.Packets[slot];
                Timestamp received = kind == (int)SocketKind.Heartbeat ? Clock.Monotonic(Math.Max(receivedAt, _thawed)) : Now;
                engine.OnDatagram(received, WallMilliseconds, packet.Bytes.AsSpan(0, packet.Length), _network.EndPointOf(packet.Source), (ReceivePath)kind, ref sink);
                _network.Packets.Release(slot);
                any = true;
                left--;
            }
        }
        return any;
    }

    private void ScheduleNext(long time)
    {
        foreach (SocketBuffer socket in _sockets)
        {
            if (socket.Count > 0)
            {
                Wake(time + WakeUp);
                return;
            }
        }
        long deadline = Math.Min(Clock.VirtualTimeOf(Engine.NextDeadline), _application!.NextDeadline);
        if (deadline != long.MaxValue) Wake(Math.Max(deadline, time + 1000));
    }

    private void SetTime(long time)
    {
        Now = Clock.Monotonic(time);
        WallMilliseconds = Clock.WallMilliseconds(time);
    }
}

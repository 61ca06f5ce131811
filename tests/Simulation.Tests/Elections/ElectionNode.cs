using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>
/// A host with one process and a thin transport: a heartbeat thread that sends what was published while it is valid, probes in a hurry, and echoes of send times, as the group engine
/// does them (P-80, P-84, P-100 to P-104).
/// </summary>
internal sealed class ElectionNode : IElectionHost
{
    private const int PatienceInHeartbeats = 5;
    private const long WakeUp = 30_000;
    private readonly ElectionWorld _world;
    private readonly List<ElectionPacket> _waiting = [];
    private readonly ulong[] _echoes;
    private readonly long[] _lastHeard;
    private byte[] _extension = [];
    private Timestamp _extensionUntil;
    private bool _hurry;
    private bool _isStored;
    private int _writes;
    private long _scheduled = long.MaxValue;
    private long _lastRound;
    private long _nextReplication;
    private int _timer;

    internal ElectionNode(ElectionWorld world, int index, NodeClock clock)
    {
        _world = world;
        Index = index;
        Clock = clock;
        Name = $"node-{index}";
        Id = NodeId.FromName(Name);
        _echoes = new ulong[world.Plan.Nodes];
        _lastHeard = new long[world.Plan.Nodes];
        Store = new MemoryVoteStore { Begun = OnWriting };
    }

    /// <inheritdoc/>
    public int Index { get; }

    /// <inheritdoc/>
    public Timestamp Now { get; private set; }

    /// <inheritdoc/>
    public bool IsDrained { get; set; }

    /// <inheritdoc/>
    public bool IsUnhealthy { get; set; }

    internal string Name { get; }

    internal NodeId Id { get; }

    internal NodeClock Clock { get; }

    internal MemoryVoteStore Store { get; }

    /// <summary>Number of its present life.</summary>
    internal ulong Incarnation { get; private set; }

    internal ElectionLife? Life { get; private set; }

    internal int Frozen { get; private set; }

    internal int Stalled { get; private set; }

    /// <summary>When it went on after it had stood still, in true time.</summary>
    internal long ContinuedAt { get; private set; }

    /// <summary>It runs and turns its loop.</summary>
    internal bool Runs => Life is not null && Frozen == 0 && Stalled == 0;

    /// <summary>When the newest beat that it has taken from a node was sent, in true time.</summary>
    internal long LastHeard(int node) => _lastHeard[node];

    /// <summary>Starts a process with empty memory.</summary>
    internal void Start()
    {
        Now = Clock.Monotonic(_world.Time);
        Incarnation++;
        for (int service = 0; service <= _world.Plan.Services; service++) _world.Oracle.OnLost(Index, service);   // a new process closes the guard
        Array.Clear(_echoes);
        _extension = [];
        _world.Totals.Lives++;
        Life = new ElectionLife(_world, this, _world.OptionsOf(this), Store);
        _lastRound = _world.Time;
        AfterRound(true);
        _world.Queue.Add(_world.Time + _world.Random.Between(0L, HeartbeatNanoseconds), EventKind.Heartbeat, Index, ++_timer);
    }

    /// <summary>kill -9.</summary>
    internal void Crash()
    {
        Life = null;
        Frozen = Stalled = 0;
        _hurry = _isStored = false;
        _writes++;
        Store.Finish(isStored: _world.Random.Chance(0.5));     // the kernel may have had all of it
        _waiting.Clear();
        _scheduled = long.MaxValue;
        _timer++;
    }

    /// <summary>Stops the process, or only its loop.</summary>
    internal void Halt(bool loopOnly)
    {
        if (loopOnly) Stalled++;
        else Frozen++;
    }

    /// <summary>Lets it go on.</summary>
    internal void Continue(bool loopOnly)
    {
        if (loopOnly) Stalled = Math.Max(0, Stalled - 1);
        else Frozen = Math.Max(0, Frozen - 1);
        ContinuedAt = _world.Time;
        Wake(_world.Time);
    }

    /// <inheritdoc/>
    public void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
    {
        (_extension, _extensionUntil, _hurry) = (extension.ToArray(), validUntil, _hurry || hurry);
    }

    /// <summary>A packet reaches the node.</summary>
    internal void OnArrival(ElectionPacket packet)
    {
        if (Life is null || (packet.Message is not null && packet.Target != Incarnation)) return;
        packet.ReceivedAt = Frozen > 0 ? default : Clock.Monotonic(_world.Time);        // a thread that is frozen stamps when it goes on
        _waiting.Add(packet);
        if (Runs) Round();
    }

    /// <summary>The heartbeat thread's timer.</summary>
    internal void OnHeartbeat(int timer)
    {
        if (timer != _timer || Life is null) return;
        _world.Queue.Add(_world.Time + HeartbeatNanoseconds + _world.Random.Between(0L, HeartbeatNanoseconds / 20), EventKind.Heartbeat, Index, timer);
        bool hangs = Stalled > 0 && _world.Time - _lastRound > PatienceInHeartbeats * HeartbeatNanoseconds;
        if (Frozen == 0 && !hangs) SendBeats(Clock.Monotonic(_world.Time));
    }

    /// <summary>The loop was to wake now.</summary>
    internal void OnRound(long time)
    {
        if (time != _scheduled || Life is null) return;
        _scheduled = long.MaxValue;
        if (Runs) Round();
    }

    /// <summary>An operator acts.</summary>
    internal void Act(Action<ElectionLife> action)
    {
        if (!Runs) return;
        Now = Clock.Monotonic(_world.Time);
        action(Life!);
        AfterRound(false);
    }

    private long HeartbeatNanoseconds => _world.Plan.Heartbeat.Ticks * 100;

    /// <summary>A write has reached the disk; a process that stands still learns of it when it goes on.</summary>
    internal void OnStored(int write)
    {
        if (write != _writes || Life is null) return;
        Store.Finish(isStored: true);
        _isStored = true;
        if (Runs) Round();
    }

    private void OnWriting() => _world.Queue.Add(_world.Time + _world.Random.Between(50_000L, _world.Plan.DiskNanoseconds), EventKind.Stored, Index, ++_writes);

    // What was stored and beats first, then timers, as the loop does it.
    private void Round()
    {
        Now = Clock.Monotonic(_world.Time);
        _lastRound = _world.Time;
        ElectionLife life = Life!;
        if (_isStored)
        {
            _isStored = false;
            life.Engine.OnStored(Now, null);
        }
        foreach (ElectionPacket packet in _waiting) Take(life, packet);
        _waiting.Clear();
        bool replicates = _world.Time >= _nextReplication;
        if (replicates) _nextReplication = _world.Time + HeartbeatNanoseconds;
        AfterRound(replicates);
    }

    private void Take(ElectionLife life, ElectionPacket packet)
    {
        if (packet.Message is { } message)
        {
            life.OnMessage(packet.From, message);
            return;
        }
        _world.Totals.Beats++;
        _lastHeard[packet.From] = packet.SentAt;
        Timestamp received = packet.ReceivedAt == default ? Now : Timestamp.Min(packet.ReceivedAt, Now);
        if (packet.Sent >= _echoes[packet.From]) _echoes[packet.From] = packet.Sent;
        life.Engine.OnBeat(Now, _world.Nodes[packet.From].Id, packet.Incarnation, received, packet.Sent, packet.Echo, packet.Extension);
    }

    private void AfterRound(bool replicates)
    {
        ElectionLife life = Life!;
        if (life.Engine.NextDeadline <= Now) life.Engine.OnTick(Now);
        life.Step(replicates);
        if (_hurry)
        {
            _hurry = false;
            SendBeats(Now);
        }
        Wake(Math.Max(_world.Time + WakeUp, Clock.VirtualTimeOf(life.Engine.NextDeadline)));
    }

    private void SendBeats(Timestamp now)
    {
        byte[] extension = now < _extensionUntil ? _extension : [];
        for (int node = 0; node < _world.Nodes.Length; node++)
        {
            if (node != Index) _world.Send(Index, node, new ElectionPacket(Index, Incarnation, (ulong)now.Nanoseconds, _echoes[node], extension, null) { SentAt = _world.Time });
        }
    }

    private void Wake(long time)
    {
        if (time >= _scheduled && _scheduled > _world.Time) return;
        _scheduled = time;
        _world.Queue.Add(time, EventKind.Round, Index);
    }
}

using Appliance.Multicast.Protocol;
using Appliance.State;
using Appliance.Tests.Simulation.Faults;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Mirroring.Synchronisation;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Nodes;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>A whole group of real engines with real mirrors above them under virtual time, from one seed: the same seed makes the same run.</summary>
internal sealed class MirrorSimulation : IDisposable
{
    private const long Millisecond = 1_000_000;
    private const long CheckInterval = 100 * Millisecond;
    private const int ChecksPerComparison = 5;
    private const int TraceLines = 200;
    private readonly MirrorPlan _plan;
    private readonly SimulationRandom _random;
    private readonly EventQueue _queue;
    private readonly VirtualNetwork _network;
    private readonly MirrorWorld _world;
    private readonly SimulatedNode[] _nodes;
    private readonly FaultInjector _faults;
    private int _checks;
    private bool _healed;
    private bool _converged;

    private MirrorSimulation(ulong seed, CancellationToken abandoned)
    {
        _queue = new EventQueue(abandoned);
        _plan = MirrorPlan.Of(seed);
        SimulationPlan group = _plan.Group;
        _random = _plan.Random;
        _network = new VirtualNetwork(group.Nodes, _queue, _random.Fork(), group.LoopsBack, group.Options.Security == GroupSecurity.Sealed);
        byte[] hashSeed = new byte[BuzHash.SeedBytes];
        new SimulationRandom(seed).Fill(hashSeed);
        _world = new MirrorWorld
        {
            Plan = group,
            MirrorPlan = _plan,
            MirrorTotals = new MirrorTotals(),
            Hash = new BuzHash(hashSeed),
            Network = _network,
            Random = _random.Fork(),
            Trace = new Trace(),
            Totals = new SimulationTotals { Seeds = 1 },
        };
        _world.Synchronisation = new SyncNetwork(_world, _queue, _random.Fork());
        _nodes = new SimulatedNode[group.Nodes];
        for (int i = 0; i < _nodes.Length; i++)
        {
            NodeClock clock = new(_random.Between(1L, 1_000_000_000_000), _random.Between(-200, 200), _random.Between(-5000L, 5000));
            _nodes[i] = new SimulatedNode(i, group.Options, _queue, _network, clock, _random.Fork(), group.SocketCapacity) { LifeEnded = _world.Totals.Add };
        }
        _world.Nodes = _nodes;
        _faults = new FaultInjector(_plan.Faults, _world, StartNode, _random.Fork());
    }

    /// <summary>Runs a seed and returns what it did.</summary>
    /// <param name="abandoned">Ends a run whose result nobody needs any more, as a failure.</param>
    /// <exception cref="SimulationFailure">An invariant failed.</exception>
    internal static MirrorRun Run(ulong seed, CancellationToken abandoned = default)
    {
        using MirrorSimulation simulation = new(seed, abandoned);
        try
        {
            simulation.Run();
            return new MirrorRun(simulation._world.Totals, simulation._world.MirrorTotals);
        }
        catch (Exception failure)
        {
            throw new SimulationFailure(seed, simulation._plan.ToString(), simulation._world.Time, simulation._faults.ToString(), simulation._world.Trace.Print(TraceLines), failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SimulatedNode node in _nodes) node.Dispose();
    }

    private void Run()
    {
        SetLinks(_plan.Group.Loss);
        for (int i = 0; i < _nodes.Length; i++)
        {
            if (_random.Chance(0.8)) StartNode(0, _nodes[i]);
            else _faults.StartLater(i, _random.Between(0, 3000) * Millisecond);
        }
        _faults.Schedule(_queue);
        _queue.Add(500 * Millisecond, EventKind.Offer, 0);
        _queue.Add(CheckInterval, EventKind.Check, 0);
        while (!_converged)
        {
            SimulationEvent next = _queue.Take();
            _world.Time = _network.Now = next.Time;
            _world.Totals.Events++;
            Handle(next);
        }
        foreach (SimulatedNode node in _nodes) node.Crash();
        _world.Totals.Lives += _world.Lives.Count;
        _world.Totals.VirtualTime = _world.Time;
        _world.Totals.Add(_network.Counters);
    }

    private void Handle(in SimulationEvent next)
    {
        switch (next.Kind)
        {
            case EventKind.Arrival: _nodes[next.Node].OnArrival(next.Time, next.Argument, (SocketKind)next.Detail); break;
            case EventKind.Round: _nodes[next.Node].OnRound(next.Time); break;
            case EventKind.Heartbeat: _nodes[next.Node].OnHeartbeat(next.Time, next.Argument); break;
            case EventKind.Transfer: _world.Synchronisation!.OnTransfer(next.Argument, next.Detail); break;
            case EventKind.Fault: InjectFault(next); break;
            case EventKind.Offer when next.Argument == 0: Offer(next.Time); break;
            case EventKind.Offer: OfferToPrimary(next.Time, _random.Between(3, 20)); break;
            case EventKind.Check: Check(next.Time); break;
        }
    }

    private void InjectFault(in SimulationEvent next)
    {
        _world.ClockDisturbedAt = next.Time;
        _faults.Step(next.Time, next.Argument, begins: next.Detail == 0);
    }

    private void StartNode(long time, SimulatedNode node)
    {
        node.Start(time, self => new MirrorApplication(self, _world));
        _world.Trace.Event(time, node.Index, "starts, incarnation", (long)node.Incarnation);
        ((MirrorApplication)node.Application).Begin();
    }

    private void SetLinks(double loss)
    {
        for (int from = 0; from < _nodes.Length; from++)
        {
            for (int to = 0; to < _nodes.Length; to++)
            {
                Link link = _network.Link(from, to);
                link.Loss = _random.Chance(0.5) ? loss : loss * _random.Fraction();
                link.Duplication = _plan.Group.Duplication;
                link.Replay = 0.05;
                link.Reordering = _plan.Group.Reordering;
                link.Corruption = _plan.Group.Corruption;
                link.Delay = _random.Between(20_000L, 500_000);
                link.Jitter = _random.Chance(0.5) ? _random.Between(0L, 200_000) : 0;
            }
        }
    }

    private void Offer(long time)
    {
        bool enough = _world.Totals.Publishes >= MirrorPlan.LeastPublishes;
        if (time >= SimulationPlan.PublishUntil && enough) return;
        long interval = time >= SimulationPlan.PublishUntil ? Millisecond : _plan.OfferInterval;
        _queue.Add(time + _random.Between(0L, 2 * interval), EventKind.Offer, 0);
        OfferToPrimary(time, _random.Between(1, _plan.Burst));
    }

    private void OfferToPrimary(long time, int operations)
    {
        SimulatedNode node = _nodes[_plan.Primary];
        if (!node.Alive || node.Leaving) return;
        for (int i = 0; i < operations; i++) ((MirrorApplication)node.Application).Client.Offer(_random.Next());
        node.Wake(time);
    }

    private void Check(long time)
    {
        _queue.Add(time + CheckInterval, EventKind.Check, 0);
        bool compares = ++_checks % ChecksPerComparison == 0;
        foreach (SimulatedNode node in _nodes)
        {
            if (!node.Alive) continue;
            MirrorApplication member = (MirrorApplication)node.Application;
            _world.Watch.Check(member);
            if (node.Frozen == 0 && node.Stalled == 0) member.Client.CheckBusy(time);
            GroupChecks.Memory(node, _plan.Group);
            if (compares) Compare(member);
        }
        if (!_healed && time >= SimulationPlan.HealAt + Millisecond)
        {
            _healed = true;
            SetLinks(_plan.Group.LossAfterHealing);
        }
        if (time < SimulationPlan.LeastDuration) return;
        string? missing = MirrorConvergence.Missing(_world);
        if (missing is null) _converged = true;
        else if (time >= SimulationPlan.GiveUpAt) throw new InvariantViolation($"waits for ever: {missing}");
        _world.Totals.LongestConvergence = time - SimulationPlan.LeastDuration;
    }

    private void Compare(MirrorApplication member)
    {
        if (!member.Service.IsComplete) return;
        bool isWaitingForWindow = member.Service.Role == ServiceRole.Primary && !_world.History.Knows(member.Service.Publisher.Last.Value);
        if (isWaitingForWindow) return; // it has applied what the window has not let out yet
        _world.Tables.Check(member.Life.ToString(), member.Service);
        _world.MirrorTotals.TablesCompared++;
    }
}

/// <summary>What a run did.</summary>
/// <param name="Group">Network and engines.</param>
/// <param name="Mirrors">Mirrors and clients.</param>
internal sealed record MirrorRun(SimulationTotals Group, MirrorTotals Mirrors);

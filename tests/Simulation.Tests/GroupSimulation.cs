using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Faults;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Nodes;
using Appliance.Tests.Simulation.Oracle;
using Appliance.Tests.Simulation.Workload;

namespace Appliance.Tests.Simulation;

/// <summary>A whole group under virtual time, from one seed: the same seed makes the same run.</summary>
internal sealed class GroupSimulation : IDisposable
{
    private const long Millisecond = 1_000_000;
    private const long CheckInterval = 100 * Millisecond;
    private const int TraceLines = 200;
    private readonly SimulationPlan _plan;
    private readonly SimulationRandom _random;
    private readonly EventQueue _queue;
    private readonly VirtualNetwork _network;
    private readonly StreamWorld _world;
    private readonly SimulatedNode[] _nodes;
    private readonly FaultInjector _faults;
    private bool _healed;
    private bool _converged;

    private GroupSimulation(SimulationPlan plan, CancellationToken abandoned)
    {
        _queue = new EventQueue(abandoned);
        _plan = plan;
        _random = plan.Random;
        _network = new VirtualNetwork(plan.Nodes, _queue, _random.Fork(), plan.LoopsBack, plan.Options.Security == GroupSecurity.Sealed);
        _world = new StreamWorld
        {
            Plan = plan,
            Ledger = new GroupLedger(),
            Network = _network,
            Random = _random.Fork(),
            Trace = new Trace(),
            Totals = new SimulationTotals { Seeds = 1 },
        };
        _nodes = new SimulatedNode[plan.Nodes];
        for (int i = 0; i < _nodes.Length; i++)
        {
            NodeClock clock = new(_random.Between(1L, 1_000_000_000_000), _random.Between(-200, 200), _random.Between(-5000L, 5000));
            _nodes[i] = new SimulatedNode(i, plan.Options, _queue, _network, clock, _random.Fork(), plan.SocketCapacity) { LifeEnded = _world.Totals.Add };
        }
        _world.Nodes = _nodes;
        _network.Observer = (node, datagram) => GroupChecks.Window(_nodes[node], datagram, plan);
        SimulationRandom chance = _random.Fork();
        _faults = new FaultInjector(FaultPlan.Make(plan, chance), _world, StartNode, chance);
    }

    /// <summary>Runs a seed and returns what it did.</summary>
    /// <param name="abandoned">Ends a run whose result nobody needs any more, as a failure.</param>
    /// <exception cref="SimulationFailure">An invariant failed.</exception>
    internal static SimulationTotals Run(ulong seed, CancellationToken abandoned = default)
    {
        SimulationPlan plan = SimulationPlan.Of(seed);
        using GroupSimulation simulation = new(plan, abandoned);
        try
        {
            return simulation.Run();
        }
        catch (Exception failure)
        {
            throw new SimulationFailure(plan.Seed, plan.ToString(), simulation._world.Time, simulation._faults.ToString(), simulation._world.Trace.Print(TraceLines), failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SimulatedNode node in _nodes) node.Dispose();
    }

    private SimulationTotals Run()
    {
        SetLinks(_plan.Loss);
        for (int i = 0; i < _nodes.Length; i++)
        {
            if (_plan.Kind == PlanKind.MulticastFails || _random.Chance(0.7)) StartNode(0, _nodes[i]);
            else _faults.StartLater(i, _random.Between(0, 3000) * Millisecond);
        }
        _faults.Schedule(_queue);
        _queue.Add(500 * Millisecond, EventKind.Offer, 0);
        for (int i = 0; i < _plan.Floods; i++) _queue.Add(_random.Between(1000 * Millisecond, SimulationPlan.HealAt), EventKind.Flood, 0);
        _queue.Add(CheckInterval, EventKind.Check, 0);
        while (!_converged)
        {
            SimulationEvent next = _queue.Take();
            _world.Time = _network.Now = next.Time;
            _world.Totals.Events++;
            Handle(next);
        }
        foreach (SimulatedNode node in _nodes)
        {
            _world.Totals.Lives += _world.Ledger.Lives.Count(life => life.Node == node.Index);
            node.Crash();
        }
        _world.Totals.VirtualTime = _world.Time;
        _world.Totals.Add(_network.Counters);
        return _world.Totals;
    }

    private void Handle(in SimulationEvent next)
    {
        switch (next.Kind)
        {
            case EventKind.Arrival: _nodes[next.Node].OnArrival(next.Time, next.Argument, (SocketKind)next.Detail); break;
            case EventKind.Round: _nodes[next.Node].OnRound(next.Time); break;
            case EventKind.Heartbeat: _nodes[next.Node].OnHeartbeat(next.Time, next.Argument); break;
            case EventKind.Fault: _faults.Step(next.Time, next.Argument, begins: next.Detail == 0); break;
            case EventKind.Offer when next.Argument == 0: Offer(next.Time); break;
            case EventKind.Offer: OfferTo(next.Time, _nodes[next.Node], _random.Between(5, 40)); break;
            case EventKind.Flood: Flood(next.Time); break;
            case EventKind.Check: Check(next.Time); break;
        }
    }

    private void StartNode(long time, SimulatedNode node)
    {
        node.Start(time, self => new StreamApplication(self, _world, time));
        _world.Trace.Event(time, node.Index, "starts, incarnation", (long)node.Incarnation);
    }

    private void SetLinks(double loss)
    {
        for (int from = 0; from < _nodes.Length; from++)
        {
            for (int to = 0; to < _nodes.Length; to++)
            {
                Link link = _network.Link(from, to);
                link.Loss = _random.Chance(0.5) ? loss : loss * _random.Fraction();
                link.Duplication = _plan.Duplication;
                link.Replay = _plan.Kind == PlanKind.Leaves ? 0.5 : 0.05;
                link.Reordering = _plan.Reordering;
                link.Corruption = _plan.Corruption;
                link.Delay = _random.Between(20_000L, 500_000);
                link.Jitter = _random.Chance(0.5) ? _random.Between(0L, 200_000) : 0;
            }
        }
    }

    private void Offer(long time)
    {
        bool enough = _world.PublishedInRun >= SimulationPlan.LeastPublishes;
        if (time >= SimulationPlan.PublishUntil && enough) return;
        long interval = time >= SimulationPlan.PublishUntil ? Millisecond : _plan.OfferInterval;
        _queue.Add(time + _random.Between(0L, 2 * interval), EventKind.Offer, 0);
        SimulatedNode node = _nodes[_random.Below(_plan.Senders)];
        if (!node.Alive || node.Leaving) node = _nodes[_random.Below(_nodes.Length)];
        OfferTo(time, node, _random.Chance(0.5) ? 1 : _random.Between(1, _plan.BurstMessages));
    }

    // Far more at once than any window takes.
    private void Flood(long time)
    {
        SimulatedNode node = _nodes[_random.Below(_plan.Senders)];
        for (int i = _random.Between(10, 40); i > 0; i--) OfferTo(time, node, _random.Between(10, 50));
    }

    private void OfferTo(long time, SimulatedNode node, int messages)
    {
        if (!node.Alive || node.Leaving) return;
        bool atomic = messages > 1 && messages <= 10 && _random.Chance(0.5);
        int most = atomic ? _plan.MostBytes / messages : _plan.MostBytes;
        Offer offer = new(_random.Next(), messages, atomic, _random.Chance(0.2), most);
        if (((StreamApplication)node.Application).Publisher.TryOffer(offer)) node.Wake(time);
    }

    private void Check(long time)
    {
        _queue.Add(time + CheckInterval, EventKind.Check, 0);
        foreach (SimulatedNode node in _nodes)
        {
            if (!node.Alive) continue;
            StreamApplication application = (StreamApplication)node.Application;
            application.CheckAcknowledgements();
            if (node.Frozen == 0 && node.Stalled == 0) application.Publisher.CheckRefusal(time);
            GroupChecks.Memory(node, _plan);
            _world.Expectations.CheckPaths(node);
        }
        if (!_healed && time >= SimulationPlan.HealAt + Millisecond)
        {
            _healed = true;
            SetLinks(_plan.LossAfterHealing);
        }
        if (time < SimulationPlan.LeastDuration) return;
        string? missing = _world.PublishedInRun < SimulationPlan.LeastPublishes ? $"only {_world.PublishedInRun} messages could be published" : GroupChecks.NotYetConverged(_nodes, _world);
        if (missing is null)
        {
            _converged = true;
            _world.Totals.LongestConvergence = time - SimulationPlan.LeastDuration;
        }
        else if (time >= SimulationPlan.GiveUpAt) throw new InvariantViolation($"waits for ever: {missing}");
    }
}

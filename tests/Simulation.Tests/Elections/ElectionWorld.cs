using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>The elections of a whole group under virtual time, from one seed: the real <see cref="ElectionEngine"/> on each node over a thin transport.</summary>
internal sealed class ElectionWorld
{
    private const long Millisecond = 1_000_000;
    private const int TraceLines = 200;
    private readonly Link[] _links;
    private readonly List<ElectionPacket?> _packets = [];
    private readonly Stack<int> _free = new();
    private readonly HashSet<NodeId> _leaving = [];
    private readonly ElectionOptions _options;
    private readonly ElectionFaultInjector _faults;

    private ElectionWorld(ElectionPlan plan, CancellationToken abandoned)
    {
        Plan = plan;
        Queue = new EventQueue(abandoned);
        Random = plan.Random;
        DeadAfter = plan.DeadAfter.Ticks * 100;
        _links = new Link[plan.Nodes * plan.Nodes];
        bool near = Random.Chance(0.5);
        for (int i = 0; i < _links.Length; i++)
        {
            _links[i] = new Link
            {
                Loss = plan.Loss * Random.Fraction() * 2,
                Duplication = plan.Duplication,
                Replay = 0.2,
                Reordering = plan.Reordering,
                Delay = near ? Random.Between(20_000L, 100_000) : Random.Between(50_000L, 1_000_000),
                Jitter = !near && Random.Chance(0.5) ? Random.Between(0L, 2_000_000) : 0,
            };
        }
        Oracle = new ElectionOracle(this);
        _options = new ElectionOptions
        {
            Name = "",
            Members = [.. Enumerable.Range(0, plan.Members).Select(i => new ElectionMember($"node-{i}", i >= plan.DataMembers ? MemberRole.Witness : MemberRole.Data))],
            Services = [],
            Heartbeat = plan.Heartbeat,
            DeadAfter = plan.DeadAfter,
            Lease = plan.Lease,
            Quorum = plan.Quorum,
        };
        Nodes = new ElectionNode[plan.Nodes];
        for (int i = 0; i < Nodes.Length; i++) Nodes[i] = new ElectionNode(this, i, new NodeClock(Random.Between(1L, 1_000_000_000_000), Random.Chance(0.5) ? Random.Between(-10_000, 10_000) : Random.Chance(0.5) ? -10_000 : 10_000, 0));
        _faults = new ElectionFaultInjector(this);
    }

    internal ElectionPlan Plan { get; }
    internal SimulationRandom Random { get; }
    internal EventQueue Queue { get; }
    internal ElectionNode[] Nodes { get; }
    internal ElectionOracle Oracle { get; }
    internal ElectionTotals Totals { get; } = new() { Seeds = 1 };
    internal Trace Trace { get; } = new();

    /// <summary>Virtual time in nanoseconds.</summary>
    internal long Time { get; private set; }

    /// <summary>In nanoseconds.</summary>
    internal long DeadAfter { get; }

    /// <summary>Runs a seed and returns what it did.</summary>
    /// <param name="abandoned">Ends a run whose result nobody needs any more, as a failure.</param>
    /// <exception cref="ElectionFailure">An invariant failed.</exception>
    internal static ElectionTotals Run(ulong seed, CancellationToken abandoned = default)
    {
        ElectionPlan plan = ElectionPlan.Of(seed);
        ElectionWorld world = new(plan, abandoned);
        try
        {
            return world.Run();
        }
        catch (Exception failure)
        {
            throw new ElectionFailure(plan, world.Time, world.Trace.Print(TraceLines), failure);
        }
    }

    /// <summary>The operator has accepted losses.</summary>
    internal bool LossIsAccepted { get; private set; }

    /// <summary>A set was proposed: now and then its proposer dies before, while, or after others store it.</summary>
    internal void OnProposed(int node)
    {
        if (!Plan.IsShort || Time > Plan.HealAt || !Random.Chance(0.1)) return;
        long at = Time + Random.Between(200_000L, 40 * Millisecond);
        _faults.KillSoon(node, at, at + Random.Between(Millisecond, 10 * DeadAfter));
    }

    /// <summary>A node's clock in true time.</summary>
    internal Timestamp NowAt(int node) => Nodes[node].Clock.Monotonic(Time);

    /// <summary>The way from one node to another.</summary>
    internal Link Link(int from, int to) => _links[from * Nodes.Length + to];

    /// <summary>Both directions work well enough to count on.</summary>
    internal bool Reaches(int one, int other) => one == other || (Link(one, other) is { Cuts: 0, Loss: < 0.25 } && Link(other, one) is { Cuts: 0, Loss: < 0.25 });

    /// <summary>The operator is removing a node.</summary>
    internal bool IsLeaving(NodeId node) => _leaving.Contains(node);

    internal void SetLeaving(NodeId node, bool leaving)
    {
        if (leaving) _leaving.Add(node);
        else _leaving.Remove(node);
    }

    /// <summary>The options of a node's next life.</summary>
    internal ElectionOptions OptionsOf(ElectionNode node) => _options with
    {
        Name = node.Name,
        Services = [.. Enumerable.Range(0, Plan.Services).Select(i => new ElectionService
        {
            Name = $"s{i}",
            Priority = (byte)(Plan.Preempt ? 100 + (node.Index * 7 + i * 3) % 5 : 100),
            Preferred = i == 0 ? Nodes[0].Id : NodeId.None,
            Preempt = Plan.Preempt,
            OnLoss = Plan.OnLoss,
            OnLossAfter = Plan.DeadAfter * 8,
        })],
    };

    /// <summary>Why a service has no primary, as each node sees it.</summary>
    internal string Describe(int service) =>
        string.Join("; ", Nodes.Select(node => $"{node.Name}: {(node.Life is { } life ? $"{life.Engine.Describe(service)}, set {life.Engine.SetOf(service)}, recovered {life.IsRecovered(service)}" : "down")}"));

    /// <summary>Sends a message of the modelled state.</summary>
    internal void Send(int from, int to, StateMessage message) => Send(from, to, new ElectionPacket(from, 0, 0, 0, [], message) { Target = Nodes[to].Incarnation });

    /// <summary>Puts a packet on the wire.</summary>
    internal void Send(int from, int to, ElectionPacket packet)
    {
        Link link = Link(from, to);
        if (link.Cuts > 0 || Random.Chance(link.Loss)) return;
        long arrival = Time + link.Delay + (link.Jitter > 0 ? Random.Between(0L, link.Jitter) : 0);
        if (Random.Chance(link.Reordering)) arrival += Random.Between(0L, DeadAfter / 4);
        else arrival = link.LastArrival = Math.Max(arrival, link.LastArrival);
        Schedule(arrival, to, packet);
        // The group engine takes every beat once (P-14); messages of the state may come again much later.
        if (packet.Message is not null && Random.Chance(link.Duplication)) Schedule(arrival + Random.Between(0L, Random.Chance(link.Replay) ? 4 * DeadAfter : Millisecond), to, packet);
    }

    private void Schedule(long arrival, int to, ElectionPacket packet)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _packets.Count;
            _packets.Add(null);
        }
        _packets[slot] = packet;
        Queue.Add(arrival, EventKind.Arrival, to, slot);
    }

    private ElectionTotals Run()
    {
        foreach (ElectionNode node in Nodes)
        {
            if (Random.Chance(0.8)) node.Start();
            else _faults.StartLater(node, Random.Between(0, 6 * DeadAfter));
        }
        _faults.Schedule();
        Queue.Add(DeadAfter, EventKind.Offer, 0);
        Queue.Add(DeadAfter / 2, EventKind.Check, 0);
        while (Time < Plan.End || (Time < Plan.End + 10 * DeadAfter && WhyNotSettled() is not null))     // a lease may be lost to chance at the very end
        {
            SimulationEvent next = Queue.Take();
            Time = next.Time;
            Totals.Events++;
            Handle(next);
        }
        if (WhyNotSettled() is { } unsettled) throw new InvariantViolation(unsettled);
        foreach (ElectionNode node in Nodes) Totals.Votes += node.Store.Writes;
        Totals.VirtualTime = Time;
        return Totals;
    }

    private void Handle(in SimulationEvent next)
    {
        switch (next.Kind)
        {
            case EventKind.Arrival:
                ElectionPacket packet = _packets[next.Argument]!;
                _packets[next.Argument] = null;
                _free.Push(next.Argument);
                Nodes[next.Node].OnArrival(packet);
                break;
            case EventKind.Round: Nodes[next.Node].OnRound(next.Time); break;
            case EventKind.Heartbeat: Nodes[next.Node].OnHeartbeat(next.Argument); break;
            case EventKind.Stored: Nodes[next.Node].OnStored(next.Argument); break;
            case EventKind.Fault: _faults.Step(next.Argument, begins: next.Detail == 0); break;
            case EventKind.Offer:
                foreach (ElectionNode node in Nodes)
                    if (node.Runs) foreach (StateModel state in node.Life!.States) state.Write();
                Queue.Add(Time + Random.Between(Millisecond, DeadAfter / 4), EventKind.Offer, 0);
                break;
            case EventKind.Check:
                Oracle.CheckProgress(Time);
                if (Time > Plan.HealAt + 20 * DeadAfter) AcceptLosses();
                Queue.Add(Time + DeadAfter / 2, EventKind.Check, 0);
                break;
            default:
                break;
        }
    }

    // Long after all is healed an operator accepts what is lost: a service that waits for nothing else must come back.
    private void AcceptLosses()
    {
        for (int service = 0; service < Plan.Services; service++)
        {
            bool exists = false;
            for (int node = 0; node < Nodes.Length; node++) exists |= Oracle.HasLease(node, service);
            if (exists) continue;
            LossIsAccepted = true;
            int accepted = service;
            bool isSaid = false; // to one node alone, as by an operator: its beats tell the others
            foreach (ElectionNode node in Nodes)
            {
                node.Act(life =>
                {
                    if (isSaid || life.Engine.WhyNotAcceptLoss(accepted) is not null) return;
                    isSaid = true;
                    life.Engine.AcceptLoss(life.Now, accepted);
                });
            }
        }
    }

    private string? WhyNotSettled()
    {
        for (int service = 0; service <= Plan.Services; service++)
        {
            ElectionNode[] primaries = [.. Nodes.Where(node => Oracle.HasLease(node.Index, service))];
            if (primaries is not [var primary]) return $"service {service} has {primaries.Length} primaries long after everything was healed: {Describe(service)}";
            if (Plan.Quorum && Nodes.FirstOrDefault(node => node.Runs && node.Life!.Engine.View.SlotOf(node.Id) >= 0 && node.Life.Engine.PrimaryOf(service) != primary.Id) is { } astray)
                return $"service {service}: {astray.Name} does not follow {primary.Name} long after everything was healed: {Describe(service)}";
        }
        return null;
    }
}

using System.Globalization;
using System.Text;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Faults;

/// <summary>Makes the faults of a plan happen and end.</summary>
internal sealed class FaultInjector
{
    private const double StormLoss = 0.3;
    private const ushort NewKey = 2;
    private const long NeverBegan = -1;
    private const long BurstLead = 1_500_000;
    private readonly VirtualNetwork _network;
    private readonly SimulatedNode[] _nodes;
    private readonly SimulationWorld _world;
    private readonly Action<long, SimulatedNode> _start;
    private readonly SimulationRandom _random;
    private readonly List<Fault> _faults;
    private readonly int[] _downs;
    private readonly int[] _unplugs;

    /// <param name="faults">What happens when; more may be added to it.</param>
    /// <param name="world">The run.</param>
    /// <param name="start">Starts a node.</param>
    /// <param name="random">Chance of the faults alone.</param>
    internal FaultInjector(List<Fault> faults, SimulationWorld world, Action<long, SimulatedNode> start, SimulationRandom random)
    {
        _network = world.Network;
        _nodes = world.Nodes;
        _world = world;
        _start = start;
        _random = random;
        _faults = faults;
        _downs = new int[_nodes.Length];
        _unplugs = new int[_nodes.Length];
    }

    /// <summary>Puts the plan into the queue.</summary>
    internal void Schedule(EventQueue queue)
    {
        for (int i = 0; i < _faults.Count; i++)
        {
            if (_faults[i].From != NeverBegan) queue.Add(_faults[i].From, EventKind.Fault, _faults[i].Node, i);
            // Who goes, goes in the middle of something: part of it is received by some and not by others.
            if (_faults[i].Kind is FaultKind.Crash or FaultKind.Leave && _faults[i].From > BurstLead)
                queue.Add(_faults[i].From - _random.Between(0L, BurstLead), EventKind.Offer, _faults[i].Node, 1);
            if (_faults[i].Through != long.MaxValue) queue.Add(_faults[i].Through, EventKind.Fault, _faults[i].Node, i, 1);
        }
    }

    /// <summary>Before <see cref="Schedule"/>: a node is not there from the beginning but joins late.</summary>
    internal void StartLater(int node, long time)
    {
        _downs[node]++;
        _faults.Add(new Fault(FaultKind.Crash, NeverBegan, time, node, 0));
    }

    /// <summary>A fault begins or ends.</summary>
    internal void Step(long time, int index, bool begins)
    {
        Fault fault = _faults[index];
        _world.Trace.Event(time, fault.Node, begins ? "fault begins: kind, other" : "fault ends: kind, other", (long)fault.Kind, fault.Other);
        if (begins) _world.Totals.Fault(fault.Kind);
        SimulatedNode node = _nodes[fault.Node];
        int change = begins ? 1 : -1;
        switch (fault.Kind)
        {
            case FaultKind.OneWay: _network.Link(fault.Node, fault.Other).Cuts += change; break;
            case FaultKind.Partition: Partition(fault.Other, change); break;
            case FaultKind.MulticastCut: CutMulticast(time, fault.Node, change); break;
            case FaultKind.Freeze: Halt(time, node, begins, loopOnly: false); break;
            case FaultKind.Suspend:
                node.SetDeaf(begins);
                Halt(time, node, begins, loopOnly: false);
                break;
            case FaultKind.Stall: Halt(time, node, begins, loopOnly: true); break;
            case FaultKind.Crash: Crash(time, node, begins); break;
            case FaultKind.Leave: Leave(time, node, begins); break;
            case FaultKind.Unplug: Unplug(time, node, change); break;
            case FaultKind.Slow: Slow(node, begins); break;
            case FaultKind.Storm: _network.Link(fault.Node, fault.Other).Loss += StormLoss * change; break;
            case FaultKind.WallStep: node.Clock.StepWall(_random.Between(-100_000L, 100_000)); break;
            case FaultKind.KeyRotation: RotateKey(begins); break;
            case FaultKind.KeySeal: SealWithNewKey(node, begins); break;
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (Fault fault in _faults.OrderBy(fault => fault.From))
        {
            string end = fault.Through == long.MaxValue ? "never" : string.Create(CultureInfo.InvariantCulture, $"{fault.Through / 1e6:F3} ms");
            text.Append(CultureInfo.InvariantCulture, $"{fault.From / 1e6,12:F3} ms to {end}: {fault.Kind} node {fault.Node}, other {fault.Other}").AppendLine();
        }
        return text.ToString();
    }

    private void Partition(int side, int change)
    {
        for (int from = 0; from < _nodes.Length; from++)
        {
            for (int to = 0; to < _nodes.Length; to++)
            {
                if (((side >> from) & 1) != ((side >> to) & 1)) _network.Link(from, to).Cuts += change;
            }
        }
    }

    private void CutMulticast(long time, int node, int change)
    {
        _world.MulticastCutSince[node] = change > 0 ? time : long.MaxValue;
        for (int from = 0; from < _nodes.Length; from++) _network.Link(from, node).MulticastCuts += change;
    }

    private static void Halt(long time, SimulatedNode node, bool begins, bool loopOnly)
    {
        if (begins) node.Halt(loopOnly);
        else node.Continue(time, loopOnly);
    }

    private void Crash(long time, SimulatedNode node, bool begins)
    {
        if (begins)
        {
            _downs[node.Index]++;
            node.Crash();
        }
        else if (--_downs[node.Index] == 0)
        {
            _start(time, node);
        }
    }

    private void Leave(long time, SimulatedNode node, bool begins)
    {
        if (begins)
        {
            _downs[node.Index]++;
            if (node.Alive && !node.Leaving) node.Leave(time);
            return;
        }
        node.Crash();
        if (--_downs[node.Index] == 0) _start(time, node);
    }

    private void Unplug(long time, SimulatedNode node, int change)
    {
        bool plugged = (_unplugs[node.Index] += change) == 0;
        _network.SetPlugged(node.Index, plugged);
        node.OnLink(time, plugged);
    }

    private void Slow(SimulatedNode node, bool begins)
    {
        node.RoundInterval = begins ? _random.Between(5_000_000L, 60_000_000) : 0;
        node.DrainLimit = begins ? _random.Between(1, 8) : 256;
    }

    private void RotateKey(bool begins)
    {
        foreach (SimulatedNode node in _nodes)
        {
            if (begins) node.AcceptKey(new GroupKey(NewKey, SimulationPlan.KeyBytes(NewKey)));
            else node.ForgetKey(SimulationPlan.FirstKey);
        }
    }

    private static void SealWithNewKey(SimulatedNode node, bool begins)
    {
        if (begins) node.SealWith(NewKey);
    }
}

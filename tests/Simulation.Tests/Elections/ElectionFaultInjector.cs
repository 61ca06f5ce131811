using Appliance.Cluster.Elections;
using Appliance.Tests.Simulation.Kernel;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>Makes the faults of a plan, and the acts of its operator, happen and end.</summary>
internal sealed class ElectionFaultInjector
{
    private const double StormLoss = 0.4;
    private const int StartsLater = 1 << 16, KillsLater = 1 << 17;
    private readonly ElectionWorld _world;
    private readonly int[] _downs;
    private readonly int[] _victims;

    internal ElectionFaultInjector(ElectionWorld world)
    {
        _world = world;
        _downs = new int[world.Plan.Nodes];
        _victims = new int[world.Plan.Faults.Count];
    }

    /// <summary>Puts the plan into the queue.</summary>
    internal void Schedule()
    {
        for (int i = 0; i < _world.Plan.Faults.Count; i++)
        {
            _world.Queue.Add(_world.Plan.Faults[i].From, EventKind.Fault, 0, i);
            _world.Queue.Add(_world.Plan.Faults[i].Through, EventKind.Fault, 0, i, 1);
        }
    }

    /// <summary>A node is not there from the beginning.</summary>
    internal void StartLater(ElectionNode node, long time)
    {
        _downs[node.Index]++;
        _world.Queue.Add(time, EventKind.Fault, 0, StartsLater + node.Index, 1);
    }

    /// <summary>A fault begins or ends.</summary>
    internal void Step(int index, bool begins)
    {
        if (index >= KillsLater)
        {
            if (begins) Kill(index - KillsLater);
            else Restart(index - KillsLater);
            return;
        }
        if (index >= StartsLater)
        {
            Restart(index - StartsLater);
            return;
        }
        ElectionFault fault = _world.Plan.Faults[index];
        _world.Trace.Event(_world.Time, fault.Node, begins ? "fault begins: kind, other" : "fault ends: kind, other", (long)fault.Kind, fault.Other);
        if (begins) _world.Totals.Faults++;
        int change = begins ? 1 : -1;
        ElectionNode node = _world.Nodes[fault.Node];
        switch (fault.Kind)
        {
            case ElectionFaultKind.OneWay: _world.Link(fault.Node, fault.Other).Cuts += change; break;
            case ElectionFaultKind.PrimaryUnheard: Unheard(index, fault, begins); break;
            case ElectionFaultKind.Partition: Partition(fault.Other, change); break;
            case ElectionFaultKind.HalfDeaf: HalfDeaf(fault.Node, fault.Other == 0, change); break;
            case ElectionFaultKind.Storm: _world.Link(fault.Node, fault.Other).Loss += StormLoss * change; break;
            case ElectionFaultKind.Freeze: Halt(index, fault.Node, begins, loopOnly: false); break;
            case ElectionFaultKind.Stall: Halt(index, fault.Node, begins, loopOnly: true); break;
            case ElectionFaultKind.FreezePrimary: Halt(index, begins ? PrimaryOf(fault.Other) : -1, begins, loopOnly: false); break;
            case ElectionFaultKind.Crash: Crash(index, fault.Node, begins); break;
            case ElectionFaultKind.CrashPrimary: Crash(index, begins ? PrimaryOf(fault.Other) : -1, begins); break;
            case ElectionFaultKind.CrashAll: CrashAll(begins); break;
            case ElectionFaultKind.Drain: node.IsDrained = begins; break;
            case ElectionFaultKind.Unhealthy: node.IsUnhealthy = begins; break;
            case ElectionFaultKind.HandOver when begins: HandOver(fault.Other, node); break;
            case ElectionFaultKind.AddMember when begins: Change(life => life.Engine.AddMember(life.Now, _world.Nodes[^1].Id, SlotRole.Data)); break;
            case ElectionFaultKind.RemoveMember: Remove(node, begins); break;
            default: break;
        }
    }

    /// <summary>Kills a node and starts it again, out of turn.</summary>
    internal void KillSoon(int node, long at, long restartAt)
    {
        _world.Queue.Add(at, EventKind.Fault, 0, KillsLater + node);
        _world.Queue.Add(restartAt, EventKind.Fault, 0, KillsLater + node, 1);
    }

    private void Unheard(int index, ElectionFault fault, bool begins)
    {
        if (begins) _victims[index] = PrimaryOf(fault.Other);
        int primary = _victims[index];
        if (primary >= 0 && primary != fault.Node) _world.Link(primary, fault.Node).Cuts += begins ? 1 : -1;
    }

    private int PrimaryOf(int service)
    {
        foreach (ElectionNode node in _world.Nodes)
            if (_world.Oracle.HasLease(node.Index, service)) return node.Index;
        return -1;
    }

    private void Partition(int side, int change)
    {
        for (int from = 0; from < _world.Nodes.Length; from++)
            for (int to = 0; to < _world.Nodes.Length; to++)
                if (((side >> from) & 1) != ((side >> to) & 1)) _world.Link(from, to).Cuts += change;
    }

    private void HalfDeaf(int node, bool hears, int change)
    {
        for (int other = 0; other < _world.Nodes.Length; other++)
        {
            if (other == node) continue;
            if (hears) _world.Link(node, other).Cuts += change;
            else _world.Link(other, node).Cuts += change;
        }
    }

    private void Halt(int index, int node, bool begins, bool loopOnly)
    {
        if (begins) _victims[index] = node;
        else node = _victims[index];
        if (node < 0) return;
        if (begins) _world.Nodes[node].Halt(loopOnly);
        else _world.Nodes[node].Continue(loopOnly);
    }

    private void Crash(int index, int node, bool begins)
    {
        if (begins) _victims[index] = node;
        else node = _victims[index];
        if (node < 0) return;
        if (begins) Kill(node);
        else Restart(node);
    }

    private void CrashAll(bool begins)
    {
        for (int node = 0; node < _world.Nodes.Length; node++)
        {
            if (begins) Kill(node);
            else Restart(node);
        }
    }

    private void Kill(int node)
    {
        _downs[node]++;
        _world.Nodes[node].Crash();
    }

    private void Restart(int node)
    {
        if (--_downs[node] == 0) _world.Nodes[node].Start();
    }

    private void HandOver(int service, ElectionNode target)
    {
        int primary = PrimaryOf(service);
        if (primary < 0 || primary == target.Index) return;
        _world.Nodes[primary].Act(life =>
        {
            if (life.Engine.View.SlotOf(target.Id) is >= 0 and int slot) life.States[service].BeginHandOver(slot);
        });
    }

    // First its services' primaries leave it out of their sets, then the group's primary removes it; an operator lets nobody count it again before it is gone, unless that is refused.
    private void Remove(ElectionNode node, bool begins)
    {
        bool isGoing = begins;
        if (!begins) Change(life => CanGo(life, node) && life.Engine.RemoveMember(life.Now, node.Id) is null && (isGoing = true));
        _world.SetLeaving(node.Id, isGoing);
    }

    private bool CanGo(ElectionLife life, ElectionNode node)
    {
        int slot = life.Engine.View.SlotOf(node.Id);
        if (slot < 0 || int.PopCount(life.Engine.View.Data & ~(1 << slot)) < 2 || int.PopCount(life.Engine.View.Voters) <= 3) return false;
        for (int service = 0; service < _world.Plan.Services; service++)
        {
            int primary = PrimaryOf(service);
            if (primary < 0 || primary == node.Index) return false;
            if (_world.Nodes[primary].Life is not { } owner || owner.Engine.SetOf(service).Contains(slot) || !owner.Engine.SetIsCommitted(service)) return false;
        }
        return true;
    }

    private void Change<TResult>(Func<ElectionLife, TResult> change)
    {
        int primary = PrimaryOf(_world.Plan.Services);
        if (primary >= 0) _world.Nodes[primary].Act(life => change(life));
    }
}

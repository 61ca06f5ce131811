using Appliance.Multicast;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>What must not happen under the faults that a plan has: an engine that gives up early reports its losses, too, but nobody would want it.</summary>
internal sealed class Expectations
{
    private const long Margin = 300_000_000;
    private readonly StreamWorld _world;

    internal Expectations(StreamWorld world) => _world = world;

    /// <summary>Nothing is given up that somebody who lives could have repaired; who said goodbye is repaired by nobody any more, and who has just started is waited for from its first report on (P-75).</summary>
    internal void OnGap(LifeLedger receiver, ReceivedStream received, ulong from, ulong through, GapReason reason)
    {
        if (reason == GapReason.JoinedLate || receiver.SaidGoodbye) return;
        if (!receiver.Synchronised && _world.Time - _world.Nodes[receiver.Node].RunningSince < Margin) return;
        if (_world.Plan.Kind is PlanKind.Calm or PlanKind.MulticastFails or PlanKind.Leaves)
            throw new InvariantViolation($"node {receiver.Node} gave up {from} to {through} of stream {received.Stream.Number} ({reason}) although everybody lived and could be reached");
        if (_world.Plan.Kind != PlanKind.Crashes) return;
        LifeLedger sender = _world.Ledger.Lives[received.Stream.Number];
        if (sender.Running) throw new InvariantViolation($"node {receiver.Node} gave up {from} to {through} of the stream of node {sender.Node}, which runs");
        foreach (LifeLedger survivor in _world.Ledger.Lives)
        {
            if (survivor != receiver && survivor.Running && survivor.Received(received.Stream).Has(from, through))
                throw new InvariantViolation($"node {receiver.Node} gave up {from} to {through} of stream {received.Stream.Number}, which node {survivor.Node} has");
        }
    }

    /// <summary>Who runs and can be heard is not suspected, not even by a node that was frozen itself.</summary>
    internal void OnSuspected(LifeLedger observer, LifeLedger suspect)
    {
        if (_world.Plan.Kind is not (PlanKind.Pauses or PlanKind.MulticastFails) || !suspect.Running) return;
        SimulatedNode node = _world.Nodes[suspect.Node];
        long deadAfter = _world.Plan.Options.DeadAfter.Ticks * 100;
        if (node.Frozen == 0 && _world.Time - node.RunningSince > deadAfter + Margin)
            throw new InvariantViolation($"node {observer.Node} suspects node {suspect.Node}, which has been running for {(_world.Time - node.RunningSince) / 1e6:F0} ms");
    }

    /// <summary>Who is not reached by multicast gets everything by unicast soon.</summary>
    internal void CheckPaths(SimulatedNode node)
    {
        if (_world.Plan.Kind != PlanKind.MulticastFails) return;
        long patience = _world.Plan.Options.ProbeInterval.Ticks * 100 * 14 + Margin;
        IReadOnlyList<GroupMember> members = node.Members;
        for (int i = 0; i < members.Count; i++)
        {
            LifeLedger life = _world.Ledger.Of(members[i]);
            long since = _world.MulticastCutSince[life.Node];
            if (members[i].State != MemberState.Live || since == long.MaxValue || _world.Time - Math.Max(since, node.RunningSince) < patience) continue;
            if (!members[i].ByUnicast) throw new InvariantViolation($"{node.Name} sends by multicast to {members[i].Name}, which multicast has not reached since {since / 1e6:F0} ms");
        }
    }

    /// <summary>Who said goodbye is let go only when its stream is complete, or reported as lost. (A life that is replaced by a newer one may have said it unheard.)</summary>
    internal void OnLeft(LifeLedger observer, LifeLedger gone)
    {
        if (!gone.SaidGoodbye || !_world.Ledger.IsNewest(gone)) return;
        ReceivedStream received = observer.Received(gone.Published);
        if (received.Through < gone.Published.Through)
            throw new InvariantViolation($"node {observer.Node} let node {gone.Node} go with its stream received through {received.Through} of {gone.Published.Through}");
    }
}

using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Oracle;

/// <summary>Invariants that are seen only from outside: bounded memory, and convergence once everything works again.</summary>
internal static class GroupChecks
{
    private const long DatagramOverheadBytes = 256;

    /// <summary>An engine's memory has a bound that follows from its options.</summary>
    internal static void Memory(SimulatedNode node, SimulationPlan plan)
    {
        EngineOptions options = plan.Options;
        long slots = options.WindowDatagrams + (long)RoundUp(Math.Max(options.RetainedDatagrams, 2 * options.ReceiveWindowDatagrams)) * 2 * plan.Nodes;
        long bound = slots * (options.DatagramBytes + DatagramOverheadBytes) + (long)options.MaxMessageBytes * 2 * plan.Nodes + (1 << 20);
        if (node.Engine.MemoryBytes > bound) throw new InvariantViolation($"{node.Name} holds {node.Engine.MemoryBytes} B, more than {bound} B");
        if (node.Members.Count > plan.Nodes) throw new InvariantViolation($"{node.Name} has {node.Members.Count} members in a group of {plan.Nodes}");
    }

    /// <summary>A sender has no more under way to a member that it waits for than the member has room for.</summary>
    internal static void Window(SimulatedNode sender, ReadOnlySpan<byte> datagram, SimulationPlan plan)
    {
        if (DatagramHeader.TryParse(datagram, out DatagramHeader header) != DropReason.None || header.Type != DatagramType.Data) return;
        IReadOnlyList<GroupMember> members = sender.Members;
        for (int i = 0; i < members.Count; i++)
        {
            GroupMember member = members[i];
            bool hasReported = member.ReceivedThrough > 0;
            if (member.WaitedFor && hasReported && header.Counter > member.ReceivedThrough + (ulong)plan.Options.ReceiveWindowDatagrams)
                throw new InvariantViolation($"{sender.Name} sends {header.Counter} although {member.Name} has told it only of {member.ReceivedThrough} and has room for {plan.Options.ReceiveWindowDatagrams}");
        }
    }

    /// <summary>What keeps the group from being one whole; null when nothing does.</summary>
    internal static string? NotYetConverged(SimulatedNode[] nodes, StreamWorld world)
    {
        foreach (SimulatedNode node in nodes)
        {
            if (!node.Alive) continue;
            StreamApplication application = (StreamApplication)node.Application;
            if (application.Publisher.Waiting > 0) return $"{node.Name} has {application.Publisher.Waiting} batches that it cannot publish";
            if (!application.Life.Synchronised) return $"{node.Name} is not synchronised";
        }
        foreach (SimulatedNode node in nodes)
        {
            if (!node.Alive) continue;
            StreamApplication application = (StreamApplication)node.Application;
            foreach (SimulatedNode other in nodes)
            {
                if (other == node || !other.Alive) continue;
                string? missing = Between(node, application.Life, other);
                if (missing is not null) return missing;
            }
            foreach (GroupMember member in node.Members)
            {
                if (!world.Ledger.Of(member).Running && member.State is MemberState.Live)
                    return $"{node.Name} still takes {member.Name}/{member.Incarnation} for live, which is dead";
            }
        }
        return world.Plan.Kind == PlanKind.Crashes ? Disagreement(world.Ledger) : null;
    }

    // Where a dead sender's stream ends: the survivors complete each other, so all who received it end at the same place.
    private static string? Disagreement(GroupLedger ledger)
    {
        foreach (LifeLedger dead in ledger.Lives)
        {
            if (dead.Running) continue;
            ReceivedStream? first = null;
            foreach (LifeLedger survivor in ledger.Lives)
            {
                if (!survivor.Running || survivor.Received(dead.Published) is not { Through: > 0 } received) continue;
                first ??= received;
                if (received.Through != first.Through) return $"{first} but {received}";
            }
        }
        return null;
    }

    private static string? Between(SimulatedNode sender, LifeLedger life, SimulatedNode receiver)
    {
        GroupMember? member = sender.Members.FirstOrDefault(m => m.Node == receiver.Self && m.Incarnation == receiver.Incarnation);
        if (member is null) return $"{sender.Name} does not know {receiver.Name}/{receiver.Incarnation}";
        if (member.State != MemberState.Live) return $"{sender.Name} sees {receiver.Name} as {member.State}";
        if (!member.WaitedFor) return $"{sender.Name} does not wait for {receiver.Name}";
        if (member.ByUnicast) return $"{sender.Name} still sends to {receiver.Name} by unicast";
        if (!member.Synchronised) return $"{sender.Name} takes {receiver.Name} for not synchronised";
        ReceivedStream received = ((StreamApplication)receiver.Application).Life.Received(life.Published);
        ulong through = life.Published.Through;
        if (received.Through < through) return $"{receiver.Name} got {sender.Name}'s stream {life.Published.Number} through {received.Through} of {through}";
        if (member.AppliedThrough < through) return $"{sender.Name} believes that {receiver.Name} applied through {member.AppliedThrough} of {through}";
        return null;
    }

    private static int RoundUp(int count) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count);
}

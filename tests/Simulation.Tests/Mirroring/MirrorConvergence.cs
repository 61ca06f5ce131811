using Appliance.State;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>When everything works again, all members must become alike, deletions be forgotten, promises be possible, and nobody wait.</summary>
internal static class MirrorConvergence
{
    /// <summary>What keeps the group from being one whole; null when nothing does.</summary>
    internal static string? Missing(MirrorWorld world)
    {
        if (world.Totals.Publishes < MirrorPlan.LeastPublishes) return $"only {world.Totals.Publishes} writes could be published";
        SimulatedNode node = world.Nodes[world.MirrorPlan.Primary];
        if (!node.Alive) return "the primary does not run";
        MirrorApplication primary = (MirrorApplication)node.Application;
        MirroredService service = primary.Service;
        if (service.Role != ServiceRole.Primary) return $"{primary.Life} is {service.Role}: {StateMirror.DoingFor(service)}";
        if (primary.Client.Offered > 0) return $"{primary.Life} has {primary.Client.Offered} operations that it does not begin";
        int alive = world.Nodes.Count(static other => other.Alive);
        bool isShort = world.MirrorPlan.Classes.Any(options => options.Acks.Count > alive - 1); // somebody is dead for good
        if (!isShort && service.Store.ResolvedThrough != service.Publisher.Last.Value) return $"{primary.Life} has resolved through {new RecordVersion(service.Store.ResolvedThrough)} of {service.Publisher.Last}";
        if (service.Publisher.CountEligible() != alive - 1) return $"{primary.Life} counts {service.Publisher.CountEligible()} members for acknowledgements, {alive - 1} run";
        foreach (SimulatedNode other in world.Nodes)
        {
            if (other.Alive && Missing(world, (MirrorApplication)other.Application, service) is { } missing) return missing;
        }
        return null;
    }

    private static string? Missing(MirrorWorld world, MirrorApplication member, MirroredService primary)
    {
        MirroredService service = member.Service;
        if (!service.IsComplete) return $"{member.Life} at {service.Position} is not complete: {service.Why}; {StateMirror.DoingFor(service)}";
        if (service.Position != primary.Publisher.Last || service.Highest != service.Position) return $"{member.Life} stands at {service.Position} (highest {service.Highest}), the primary at {primary.Publisher.Last}";
        if (service.Chain.ToString() != primary.Chain.ToString()) return $"{member.Life} knows the terms {service.Chain}, the primary {primary.Chain}";
        if (service.Store.Tables.TombstoneCount > 0) return $"{member.Life} keeps {service.Store.Tables.TombstoneCount} tombstones, floor {service.Store.Memory.Floor}";
        if (service.Store.Tables.HasChains) return $"{member.Life} keeps fields of deleted hashes";
        if (member.Channels.Count > 0) return $"{member.Life} keeps {member.Channels.Count} channels";
        world.Tables.Check(member.Life.ToString(), service);
        return null;
    }
}

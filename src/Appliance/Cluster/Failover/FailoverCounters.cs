namespace Appliance.Cluster.Failover;

/// <summary>What elections and hand-overs did since the node started. Every field is a metric, <c>appliance_failover_*_total</c> (docs/operations.md). Loop thread.</summary>
internal sealed class FailoverCounters
{
    /// <summary>Services that this node won, and the group's own.</summary>
    public long ElectionsWon;

    /// <summary>Candidacies of this node that did not find a majority in time.</summary>
    public long ElectionsLost;

    /// <summary>Leases that ended without an echo from a majority.</summary>
    public long LeasesExpired;

    /// <summary>Leases that ended because another node is primary in a higher term.</summary>
    public long LeasesSuperseded;

    /// <summary>Services handed over to another member.</summary>
    public long HandOvers;

    /// <summary>Hand-overs that did not come about.</summary>
    public long HandOversFailed;
}

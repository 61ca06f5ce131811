using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>What this node is for one service.</summary>
internal sealed class OwnedService(string name, ServiceAddresses addresses)
{
    internal string Name { get; } = name;

    internal ServiceAddresses Addresses { get; } = addresses;

    internal Readiness Told { get; set; }

    internal uint Term { get; set; }

    /// <summary>The newest term that this node has cut; 0 once its lease is lost.</summary>
    internal uint CutTerm { get; set; }

    internal Timestamp LeaseUntil { get; set; }

    /// <summary>When it was elected, while it has not cut.</summary>
    internal Timestamp? CollectsSince { get; set; }

    internal bool IsServing { get; set; }

    internal required PlannedHandOver HandOver { get; init; }
}

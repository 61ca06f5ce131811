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

    internal TaskCompletionSource<string?>? HandOver { get; set; }

    /// <summary>To whom it is to be handed over; none: nobody.</summary>
    internal NodeId Nominee { get; set; }

    /// <summary>What the elections were told of <see cref="Nominee"/>.</summary>
    internal NodeId Nominated { get; set; }

    internal Timestamp PreparingSince { get; set; }

    /// <summary>Until then the nominee is awaited; never: nobody is, any more.</summary>
    internal Timestamp PreparedBy { get; set; } = Timestamp.Never;

    internal bool IsPreparing => PreparedBy != Timestamp.Never;
}

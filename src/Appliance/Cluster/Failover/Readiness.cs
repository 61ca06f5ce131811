namespace Appliance.Cluster.Failover;

/// <summary>What the elections were told of this node and a service.</summary>
internal readonly record struct Readiness(bool IsSynchronised, bool IsHealthy, bool IsDrained);

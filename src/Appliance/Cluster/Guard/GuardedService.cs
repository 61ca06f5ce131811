using System.Net;

namespace Appliance.Cluster.Guard;

/// <summary>A service and the floating addresses that share its lease.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Addresses">IPv4 and IPv6 addresses that only the lease holder may use.</param>
internal sealed record GuardedService(string Name, IReadOnlyList<IPAddress> Addresses);

using System.Net;

namespace Appliance.Configuration;

/// <summary>A member of the group as the configuration names it: <c>a=10.77.0.1</c>.</summary>
/// <param name="Name">The node's id.</param>
/// <param name="Address">Its address on the synchronisation network: source of its datagrams, target of unicast and of snapshots.</param>
public sealed record MemberAddress(string Name, IPAddress Address)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name}={Address}";
}

using System.Net;

namespace Appliance.Configuration;

/// <summary>[service NAME] of appliance.conf: an address that clients know, and the state behind it.</summary>
public sealed record ServiceOptions
{
    /// <summary>The service's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>Virtual addresses that the primary owns. None: listeners then bind to the nodes' own addresses.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>Network card of the addresses. Empty: the one whose network contains them.</summary>
    [NodeLocal]
    public string Interface { get; init; } = "";

    /// <summary>The node that is the primary. Empty: the first member.</summary>
    public string Primary { get; init; } = "";

    internal IEnumerable<SettingProblem> Validate()
    {
        foreach (IPAddress address in Addresses.Where(static address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) || address.IsIPv6Multicast))
            yield return new("addresses", $"{address} is no address that a node can own");
    }
}

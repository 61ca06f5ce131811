using System.Net;

namespace Appliance.Configuration;

/// <summary>How a server of a pool is chosen for a new connection.</summary>
public enum Balance
{
    /// <summary>Each in turn.</summary>
    RoundRobin,

    /// <summary>The one with the fewest connections.</summary>
    LeastConnections,

    /// <summary>By the client's address: the same client meets the same server.</summary>
    Source,
}

/// <summary>[backend NAME] of appliance.conf: a pool of servers that listeners pass connections to.</summary>
public sealed record BackendOptions
{
    /// <summary>The pool's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>The servers as address:port. No default.</summary>
    public IReadOnlyList<IPEndPoint> Servers { get; init; } = [];

    /// <summary>How one is chosen. Round robin: right when nothing is known about the connections.</summary>
    [Reloadable]
    public Balance Balance { get; init; } = Balance.RoundRobin;

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Servers.Count == 0) yield return new("servers", "names no server: list them, for example 'servers = 10.0.1.1:80 10.0.1.2:80'");
        foreach (IPEndPoint server in Servers.Where(static server => server.Port == 0)) yield return new("servers", $"{server.Address} needs a port");
        foreach (IPEndPoint twice in Servers.GroupBy(static server => server).Where(static same => same.Count() > 1).Select(static same => same.Key))
            yield return new("servers", $"names {twice} twice");
    }
}

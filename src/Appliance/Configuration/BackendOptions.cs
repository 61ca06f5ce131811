using System.Net;

namespace Appliance.Configuration;

/// <summary>How a server of a pool is chosen for a new connection.</summary>
public enum Balance
{
    /// <summary>Each in turn, by its weight.</summary>
    RoundRobin,

    /// <summary>The one with the fewest connections for its weight.</summary>
    LeastConnections,

    /// <summary>By the client's address: the same client meets the same server.</summary>
    Source,
}

/// <summary>Whether a server is told who the client is (the PROXY protocol of HAProxy).</summary>
public enum SendProxy
{
    /// <summary>Not at all.</summary>
    No,

    /// <summary>One line of text.</summary>
    V1,

    /// <summary>A binary header.</summary>
    V2,
}

/// <summary>Whether and how connections to servers are encrypted.</summary>
public enum BackendTls
{
    /// <summary>They are plain.</summary>
    No,

    /// <summary>A server must show a certificate that is signed, not expired, and for <c>tls-name</c>.</summary>
    Verified,

    /// <summary>Encrypted, but to whomever answers at the address.</summary>
    Unverified,
}

/// <summary>[backend NAME] of appliance.conf: a pool of servers that listeners pass connections to. Reloads as a whole: servers that remain keep their connections and their health.</summary>
public sealed record BackendOptions
{
    /// <summary>The pool's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>The servers as address:port, with a weight as address:port*3. No default.</summary>
    [Reloadable]
    public IReadOnlyList<BackendServer> Servers { get; init; } = [];

    /// <summary>How one is chosen. Round robin: right when nothing is known about the connections.</summary>
    [Reloadable]
    public Balance Balance { get; init; } = Balance.RoundRobin;

    /// <summary>Most connections to one server at once; 0 for no limit but the listeners'. None: only the server's owner knows its limit.</summary>
    [Reloadable]
    public int MaxConnections { get; init; }

    /// <summary>A server that does not accept a connection within this time is given up for another one. 2 s: one lost SYN is sent again after 1 s.</summary>
    [Reloadable]
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Other servers tried when a connect fails. 2: a client waits no longer than three connect timeouts.</summary>
    [Reloadable]
    public int Retries { get; init; } = 2;

    /// <summary>Servers learn the client's address by the PROXY protocol. No: a server that does not expect the header takes it for data.</summary>
    [Reloadable]
    public SendProxy SendProxy { get; init; } = SendProxy.No;

    /// <summary>Connections to the servers are encrypted again. No: they stand on a network of their own.</summary>
    public BackendTls Tls { get; init; } = BackendTls.No;

    /// <summary>PEM file of those who may sign the servers' certificates. Empty: those that the system trusts.</summary>
    [NodeLocal]
    public string TlsCa { get; init; } = "";

    /// <summary>The name that servers are asked for (SNI), and that their certificates must have with <c>tls = verified</c>.</summary>
    public string TlsName { get; init; } = "";

    /// <summary>How servers are checked. By connecting: a server that does not accept gets no clients, and nothing needs to be known about its protocol.</summary>
    [Reloadable]
    public HealthCheckRule Check { get; init; } = HealthCheckRule.Tcp;

    /// <summary>Time between two checks of a server. 2 s: with fall = 3 a dead server is out after 6 s, and a check costs nothing; failing connects are retried elsewhere meanwhile.</summary>
    [Reloadable]
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A check that has no answer within this time has failed. 1 s: less than the interval, so that checks of a server never overlap.</summary>
    [Reloadable]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Good checks in a row after which a server is up again. 2: one may be luck.</summary>
    [Reloadable]
    public int Rise { get; init; } = 2;

    /// <summary>Failed checks in a row after which a server is down. 3: one lost packet is no death.</summary>
    [Reloadable]
    public int Fall { get; init; } = 3;

    /// <summary>A server that went down stays down for so long at least. None: rise damps enough where a mistake costs one retry.</summary>
    [Reloadable]
    public TimeSpan HoldDown { get; init; } = TimeSpan.Zero;

    internal IEnumerable<SettingProblem> Validate()
    {
        const int mostServers = 1024; // each is checked and looked at for every connection
        if (Servers.Count == 0) yield return new("servers", "names no server: list them, for example 'servers = 10.0.1.1:80 10.0.1.2:80'");
        if (Servers.Count > mostServers) yield return new("servers", $"names {Servers.Count} servers: at most {mostServers}");
        foreach (BackendServer server in Servers.Where(static server => server.EndPoint.Port == 0)) yield return new("servers", $"{server.EndPoint.Address} needs a port");
        foreach (IPEndPoint twice in Servers.GroupBy(static server => server.EndPoint).Where(static same => same.Count() > 1).Select(static same => same.Key))
            yield return new("servers", $"names {twice} twice");
        if (MaxConnections is < 0 or > 1_000_000) yield return new("max-connections", $"{MaxConnections} must be from 0 to 1000000");
        if (ConnectTimeout < TimeSpan.FromMilliseconds(10) || ConnectTimeout > TimeSpan.FromMinutes(1)) yield return new("connect-timeout", $"{Duration.Format(ConnectTimeout)} must be from 10ms to 1min");
        if (Retries is < 0 or > 16) yield return new("retries", $"{Retries} must be from 0 to 16");
        if (Tls == BackendTls.Verified && TlsName.Length == 0) yield return new("tls-name", "is missing: name what the servers' certificates must be for");
        if (TlsCa.Length > 0 && !Path.IsPathRooted(TlsCa)) yield return new("tls-ca", $"'{TlsCa}' must be an absolute path");
        if (TlsName.Length > 253 || TlsName.Any(static c => !char.IsAscii(c))) yield return new("tls-name", "is no name of a host");
        if (Check.Target is not null) yield return new("check", $"'{Check}': the servers of a pool are checked at their own addresses; write 'tcp' or 'http PATH'");
        foreach (SettingProblem problem in HealthCheckRule.ValidateTiming(Interval, Timeout, Rise, Fall, HoldDown)) yield return problem;
    }
}

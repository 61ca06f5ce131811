using System.Net;

namespace Appliance.Configuration;

/// <summary>[admin] of appliance.conf: where status, metrics and health are asked for.</summary>
[NodeLocal]
public sealed record AdminOptions
{
    /// <summary>Unix socket, readable and writable by the program's user and group. In /run: it goes with the host's life.</summary>
    public string Socket { get; init; } = "/run/appliance/admin.sock";

    /// <summary>Addresses with ports on which what only shows (status, metrics, health, who is primary) is served over TCP, without authentication. None: who can read metrics can see names and sizes.</summary>
    public IReadOnlyList<IPEndPoint> Listen { get; init; } = [];

    /// <summary>The loop must answer within this time, or the node calls itself unhealthy. 1 s: five times dead-after; the group has noticed long before.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    internal IEnumerable<SettingProblem> Validate()
    {
        const int longestSocketPath = 107; // sockaddr_un.sun_path with its terminating zero
        if (!Path.IsPathRooted(Socket)) yield return new("socket", $"'{Socket}' must be an absolute path: the directory in which the program is started is chance");
        if (Socket.Length > longestSocketPath) yield return new("socket", $"'{Socket}' is longer than {longestSocketPath} characters, the kernel's limit for a unix socket");
        foreach (IPEndPoint endPoint in Listen.Where(static endPoint => endPoint.Port == 0)) yield return new("listen", $"{endPoint.Address} needs a port");
        if (Timeout < TimeSpan.FromMilliseconds(10) || Timeout > TimeSpan.FromMinutes(1)) yield return new("timeout", $"{Duration.Format(Timeout)} must be from 10ms to 1min");
    }
}

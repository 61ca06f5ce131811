using System.Net;

namespace Appliance.Listeners.Relay;

/// <summary>Limits and times of a relay listener; the keys of [listener] that speak of a relay, valid.</summary>
internal sealed record RelayOptions
{
    /// <summary>[listener NAME].</summary>
    public required string Name { get; init; }

    /// <summary>Most connections at once.</summary>
    public int MaxClients { get; init; } = 10000;

    /// <summary>Most connections of one client at once; 0 for no limit.</summary>
    public int MaxPerSource { get; init; } = 1000;

    /// <summary>Bytes of all connections' buffers together.</summary>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>0 for never.</summary>
    public TimeSpan IdleTimeout { get; init; }

    /// <summary>0 for never.</summary>
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Networks from which connections begin with a PROXY header; none when no connection does.</summary>
    public IReadOnlyList<IPNetwork> TrustProxy { get; init; } = [];

    /// <summary>For the PROXY header.</summary>
    public TimeSpan ProxyTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Connections that the kernel keeps until they are accepted.</summary>
    public int Backlog { get; init; } = 4096;
}

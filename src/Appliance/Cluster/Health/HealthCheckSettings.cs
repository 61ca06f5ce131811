using System.Net;
using Appliance.Configuration;

namespace Appliance.Cluster.Health;

/// <summary>What a <see cref="HealthCheck"/> does and how often.</summary>
internal sealed record HealthCheckSettings
{
    /// <summary>What is done.</summary>
    public required HealthCheckRule Rule { get; init; }

    /// <summary>Where, for <c>tcp</c> and <c>http</c>.</summary>
    public IPEndPoint? Target { get; init; }

    /// <summary>Arguments that follow those of a command.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Environment of a command.</summary>
    public IReadOnlyList<(string Name, string Value)> Environment { get; init; } = [];

    /// <summary>The target expects a PROXY header.</summary>
    public SendProxy SendProxy { get; init; } = SendProxy.No;

    /// <summary>From the start of one check to that of the next.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>For one check.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>When the target changes.</summary>
    public required HealthThresholds Thresholds { get; init; }

    /// <summary>The checks of a server of a pool.</summary>
    internal static HealthCheckSettings Of(BackendOptions pool, IPEndPoint server) => new()
    {
        Rule = pool.Check,
        Target = server,
        Arguments = [server.Address.ToString(), server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)],
        Environment = [("APPLIANCE_BACKEND", pool.Name), ("APPLIANCE_SERVER", server.ToString())],
        SendProxy = pool.SendProxy,
        Interval = pool.Interval,
        Timeout = pool.Timeout,
        Thresholds = new HealthThresholds(pool.Rise, pool.Fall, pool.HoldDown),
    };

    /// <summary>The checks of a service.</summary>
    internal static HealthCheckSettings Of(ServiceOptions service) => new()
    {
        Rule = service.Check,
        Target = service.Check.Target,
        Environment = [("APPLIANCE_SERVICE", service.Name)],
        Interval = service.Interval,
        Timeout = service.Timeout,
        Thresholds = new HealthThresholds(service.Rise, service.Fall, service.HoldDown),
    };

    /// <summary>Nothing that matters to a running check differs.</summary>
    internal bool IsSameAs(HealthCheckSettings other) =>
        Rule == other.Rule && Equals(Target, other.Target) && SendProxy == other.SendProxy && Interval == other.Interval && Timeout == other.Timeout && Thresholds == other.Thresholds;
}

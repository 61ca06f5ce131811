using System.Collections.Frozen;
using Appliance.Configuration;

namespace Appliance.Cluster.Health;

/// <summary>Whether this node's part of each service works, for those who decide which node serves. A service without a check always does.</summary>
/// <remarks><see cref="IsHealthy"/> and <see cref="WhyNot"/> from any thread; everything else on the loop thread, or before the loop runs.</remarks>
internal sealed class ServiceHealth
{
    private readonly FrozenDictionary<string, Entry> _services;

    private sealed class Entry
    {
        internal HealthCheck? Check;
        internal volatile bool Healthy;
        internal volatile string Why = "";
    }

    internal ServiceHealth(IEnumerable<ServiceOptions> services, HealthChecker checker)
    {
        _services = services.ToFrozenDictionary(static service => service.Name, static _ => new Entry());
        foreach (ServiceOptions service in services) Use(service, checker);
    }

    /// <summary>A service has changed: its name, and whether it is healthy now. Raised on the loop thread of the checks, which must not be held up.</summary>
    internal event Action<string, bool>? Changed;

    /// <summary>
    /// Whether the node may serve it. Before the first check has ended it may not: a node that cannot say that its service works must not take it over;
    /// the first check starts with the node and decides by itself.
    /// </summary>
    internal bool IsHealthy(string service) => _services[service].Healthy;

    /// <summary>Why it is not healthy; empty when it is.</summary>
    internal string WhyNot(string service) => _services[service].Why;

    /// <summary>Puts a changed configuration in force.</summary>
    internal void Use(ServiceOptions service, HealthChecker checker)
    {
        Entry entry = _services[service.Name];
        HealthCheckSettings settings = HealthCheckSettings.Of(service);
        if (entry.Check is not null && service.Check.Kind != HealthCheckKind.None)
        {
            entry.Check.Use(settings);
            return;
        }
        if (entry.Check is not null) checker.Remove(entry.Check);
        entry.Check = checker.Add(settings, check => Set(service.Name, entry, check.Health == TargetHealth.Up, check.Why));
        Set(service.Name, entry, entry.Check is null, entry.Check is null ? "" : "no check has ended yet");
    }

    private void Set(string name, Entry entry, bool healthy, string why)
    {
        entry.Why = why;
        if (entry.Healthy == healthy) return;
        entry.Healthy = healthy;
        Changed?.Invoke(name, healthy);
    }
}

using System.Reflection;
using Appliance.Backends;
using Appliance.Cluster.Health;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Listeners.Relay;

namespace Appliance.Admin;

/// <summary>Gathers what there is to say of relays and pools. Loop thread of the relay.</summary>
internal static class RelayView
{
    private static readonly FieldInfo[] Counters = [.. typeof(RelayCounters).GetFields(BindingFlags.Public | BindingFlags.Instance).Where(static field => field.Name != nameof(RelayCounters.Connections))];

    /// <summary>For the status.</summary>
    internal static RelayReport Describe(RelayParts parts, ApplianceConfiguration configuration) => new(
        [.. parts.Listeners.Select(Describe)],
        [.. parts.Pools.Zip(parts.Checks, Describe)],
        TlsView.Describe(parts.Listeners),
        configuration.Services.Where(service => !parts.Health.IsHealthy(service.Name)).ToDictionary(static service => service.Name, service => parts.Health.WhyNot(service.Name)),
        [.. parts.AddressHooks.Select(static hook => hook.Trouble).OfType<string>()]);

    /// <summary>Lets a server get no new connections, or get them again; null when there is no such server.</summary>
    /// <param name="parts">The relay.</param>
    /// <param name="name">POOL/SERVER.</param>
    /// <param name="draining">Which.</param>
    internal static DrainReport? Drain(RelayParts parts, string name, bool draining)
    {
        int slash = name.IndexOf('/');
        PoolServer? server = slash < 0 ? null : parts.Pools.FirstOrDefault(pool => pool.Name == name[..slash])?.Find(name[(slash + 1)..]);
        if (server is null) return null;
        server.IsDraining = draining;
        return new DrainReport(name, draining, server.Connections);
    }

    /// <summary>For the metrics. Every name stands in docs/operations.md.</summary>
    internal static string Metrics(RelayParts parts, ApplianceConfiguration configuration)
    {
        var page = new PrometheusText();
        RelayReport report = Describe(parts, configuration);
        WriteListeners(page, parts, report);
        TlsView.Write(page, parts.Listeners);
        EachServer(report, (server, labels) => page.Gauge("appliance_backend_up", "0 when the checks say that the server is down; without checks always 1.", server.State == "down" ? 0 : 1, labels));
        EachServer(report, (server, labels) => page.Gauge("appliance_backend_draining", "1 while the server gets no new connections.", server.Draining ? 1 : 0, labels));
        EachServer(report, (server, labels) => page.Gauge("appliance_backend_connections", "Connections to the server now.", server.Connections, labels));
        EachServer(report, (server, labels) => page.Counter("appliance_backend_connected_total", "Connections made to the server.", server.Connected, labels));
        EachServer(report, (server, labels) => page.Counter("appliance_backend_connect_failures_total", "Connects that failed.", server.ConnectFailures, labels));
        EachServer(report, (server, labels) => page.Counter("appliance_backend_check_failures_total", "Health checks that failed.", server.CheckFailures, labels));
        foreach (BackendStatus pool in report.Backends) page.Counter("appliance_backend_refused_total", "Connections that found no server in the pool.", pool.Refused, ("backend", pool.Name));
        foreach (ServiceOptions service in configuration.Services)
            page.Gauge("appliance_service_healthy", "0 when the service's check fails on this node.", report.Unhealthy.ContainsKey(service.Name) ? 0 : 1, ("service", service.Name));
        page.Counter("appliance_address_command_failures_total", "Runs of address commands that failed or did not end in time; they are repeated.", parts.AddressHooks.Sum(static hook => hook.Failed));
        page.Counter("appliance_notify_failures_total", "Notified programs that failed.", parts.Hooks.Failed);
        page.Counter("appliance_notify_dropped_total", "Notifications dropped because earlier ones take too long.", parts.Hooks.Dropped);
        return page.ToString();
    }

    private static void WriteListeners(PrometheusText page, RelayParts parts, RelayReport report)
    {
        foreach (RelayStatus relay in report.Relays) page.Gauge("appliance_relay_connections", "Connections open now.", relay.Connections, ("listener", relay.Name));
        foreach (RelayListener listener in parts.Listeners) page.Gauge("appliance_relay_buffer_bytes", "Bytes kept for peers that do not take them.", listener.Memory.Pool.LentBytes, ("listener", listener.Options.Name));
        foreach (FieldInfo field in Counters)
        {
            foreach (RelayListener listener in parts.Listeners)
                page.Counter($"appliance_relay_{PrometheusText.Snake(field.Name)}_total", "What a relay listener did (docs/operations.md); bytes of connections that have ended.", (long)field.GetValue(listener.Counters)!, ("listener", listener.Options.Name));
        }
        foreach (RelayListener listener in parts.Listeners)
        {
            foreach (RelayEnd reason in Enum.GetValues<RelayEnd>())
                page.Counter("appliance_relay_ended_total", "Connections that ended, by why.", listener.Counters.Ended(reason), ("listener", listener.Options.Name), ("reason", PrometheusText.Snake(reason.ToString())));
        }
    }

    private static RelayStatus Describe(RelayListener listener) => new(
        listener.Options.Name,
        listener.Pool.Name,
        [.. listener.EndPoints.Select(static endPoint => endPoint.ToString())],
        listener.Connections.Count,
        listener.Counters.Accepted,
        listener.Counters.BytesFromClients + listener.Connections.Sum(static connection => connection.BytesFromClient),
        listener.Counters.BytesToClients + listener.Connections.Sum(static connection => connection.BytesToClient));

    private static BackendStatus Describe(BackendPool pool, PoolChecks checks) => new(
        pool.Name, SettingReader.Format(pool.Options.Balance), pool.Options.Check.ToString(), pool.Refused, [.. pool.Servers.Select(server => Describe(server, checks.Of(server)))]);

    private static ServerStatus Describe(PoolServer server, HealthCheck? check) => new(
        server.Name, server.Weight, check is null ? "unchecked" : SettingReader.Format(server.Health), check is null || check.Why.Length == 0 ? null : check.Why,
        server.IsDraining, server.Connections, server.Connected, server.ConnectFailures, check?.Failures ?? 0);

    private static void EachServer(RelayReport report, Action<ServerStatus, (string, string)[]> write)
    {
        foreach (BackendStatus pool in report.Backends)
        {
            foreach (ServerStatus server in pool.Servers) write(server, [("backend", pool.Name), ("server", server.Address)]);
        }
    }
}

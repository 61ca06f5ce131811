using System.Reflection;
using Appliance.Configuration;
using Appliance.LiveConnections;

namespace Appliance.Admin;

/// <summary>Gathers what there is to say of live connections. Loop thread of the node.</summary>
internal static class LiveView
{
    private static readonly FieldInfo[] Counters = [.. typeof(LiveCounters).GetFields(BindingFlags.Public | BindingFlags.Instance)];

    /// <summary>For the status.</summary>
    internal static IEnumerable<LiveStatus> Describe(ConnectionMirror? connections)
    {
        if (connections is null) yield break;
        foreach (ServiceConnections service in connections.Services.OfType<ServiceConnections>())
            yield return new LiveStatus(service.Name, service.All.Count, service.IsPrimary ? connections.IsProtected(service) : null, service.Waiting);
    }

    /// <summary>What an operator should look at.</summary>
    internal static IEnumerable<string> Warnings(ConnectionMirror? connections)
    {
        foreach (LiveStatus live in Describe(connections))
        {
            if (live.Protected != false) continue;
            bool accepts = connections!.Find(live.Service)!.WhenShort == WhenShort.Accept;
            yield return $"service {live.Service}: no other node can go on with its connections: they are {(accepts ? "relayed WITHOUT PROTECTION" : "held, and new ones refused")} (when-short = {(accepts ? "accept" : "refuse")})";
        }
    }

    /// <summary>For the metrics. Every name stands in docs/operations.md.</summary>
    internal static void Write(PrometheusText page, ConnectionMirror? connections, ApplianceConfiguration configuration)
    {
        LiveStatus[] all = [.. Describe(connections)];
        foreach (ServiceOptions service in configuration.Services)
        {
            LiveStatus? live = Array.Find(all, live => live.Service == service.Name);
            page.Gauge("appliance_live_connections", "Connections that another node can go on with, or this one after another.", live?.Connections ?? 0, ("service", service.Name));
        }
        foreach (ServiceOptions service in configuration.Services)
        {
            LiveStatus? live = Array.Find(all, live => live.Service == service.Name);
            page.Gauge("appliance_live_waiting", "Segments held until another node has them.", live?.Waiting ?? 0, ("service", service.Name));
        }
        foreach (ServiceOptions service in configuration.Services)
        {
            LiveStatus? live = Array.Find(all, live => live.Service == service.Name);
            page.Gauge("appliance_live_protected", "0 on a primary whose connections nobody else can go on with.", live?.Protected == false ? 0 : 1, ("service", service.Name));
        }
        page.Gauge("appliance_live_memory_bytes", "Bytes of live connections' streams.", connections?.MemoryBytes ?? 0);
        var none = new LiveCounters();
        foreach (FieldInfo field in Counters)
            page.Counter($"appliance_live_{PrometheusText.Snake(field.Name)}_total", "What was done for live connections (docs/takeover.md).", (long)field.GetValue(connections?.Counters ?? none)!);
    }
}

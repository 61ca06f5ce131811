using System.Globalization;
using Spectre.Console;

namespace Appliance.Admin;

/// <summary>Relays and pools of a status as tables for a terminal.</summary>
internal static class RelayTables
{
    /// <summary>Nothing when there are neither.</summary>
    internal static IEnumerable<Table> Of(NodeStatus status)
    {
        if (status.Relays.Count > 0) yield return Relays(status);
        if (status.Tls.Count > 0) yield return Tls(status);
        if (status.Backends.Count > 0) yield return Servers(status);
    }

    private static Table Relays(NodeStatus status)
    {
        Table table = StatusView.NewTable("relay", "to", "at", "connections", "accepted", "from clients", "to clients");
        foreach (RelayStatus relay in status.Relays)
        {
            table.AddRow(Markup.Escape(relay.Name), Markup.Escape(relay.Backend), Markup.Escape(string.Join(' ', relay.Addresses)), StatusView.Number(relay.Connections), StatusView.Number(relay.Accepted),
                StatusView.Size(relay.BytesFromClients), StatusView.Size(relay.BytesToClients));
        }
        return table;
    }

    private static Table Tls(NodeStatus status)
    {
        Table table = StatusView.NewTable("tls", "resumption", "key epoch", "full", "resumed", "missed", "mirrored", "first certificate ends");
        foreach (TlsStatus tls in status.Tls)
        {
            table.AddRow(Markup.Escape(tls.Name), tls.Resumption, StatusView.Number(tls.KeyEpoch), StatusView.Number(tls.Full), StatusView.Number(tls.Resumed), StatusView.Number(tls.Missed), StatusView.Number(tls.Mirrored),
                tls.Certificates.Min(static certificate => certificate.Expires).ToString("u", CultureInfo.InvariantCulture));
        }
        return table;
    }

    private static Table Servers(NodeStatus status)
    {
        Table table = StatusView.NewTable("server", "state", "weight", "connections", "made", "failed connects", "failed checks");
        foreach (BackendStatus pool in status.Backends)
        {
            foreach (ServerStatus server in pool.Servers)
            {
                string state = server.State == "down" ? $"[red]down[/] ({Markup.Escape(server.Why ?? "")})" : server.State;
                if (server.Draining) state += " [yellow]draining[/]";
                table.AddRow(Markup.Escape($"{pool.Name}/{server.Address}"), state, server.Weight.ToString(CultureInfo.InvariantCulture), StatusView.Number(server.Connections), StatusView.Number(server.Connected),
                    StatusView.Number(server.ConnectFailures), StatusView.Number(server.CheckFailures));
            }
        }
        return table;
    }
}

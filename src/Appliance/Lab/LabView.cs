using System.Globalization;
using Appliance.Admin;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Lab;

/// <summary>A laboratory as a table for a terminal.</summary>
internal static class LabView
{
    /// <summary>All nodes with what each of them sees.</summary>
    internal static IRenderable Render(LabReport report, IReadOnlyList<(LabNode Node, NodeStatus? Status)> views)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in new[] { "node", "state", "role", "address", "records", "bytes", "sees", "lost if it died now", "namespace" }) table.AddColumn(new TableColumn(column) { NoWrap = true });
        foreach ((LabNode node, NodeStatus? status) in views)
        {
            string state = report.Nodes.First(shown => shown.Id == node.Id).State;
            string colour = state switch { "up" => "green", "frozen" => "blue", _ => "red" };
            ServiceStatus? service = status?.Services.FirstOrDefault();
            table.AddRow(node.Id, $"[{colour}]{state}[/]", service?.Role ?? status?.Role ?? "-", node.Address, Number(service?.Records), Number(service?.Bytes), status is null ? "-" : Sees(status),
                status is null ? "-" : status.WouldBeLost.Count == 0 ? "nothing" : $"[red]{status.WouldBeLost.Sum(static loss => loss.Records)} writes[/]", node.Namespace.Length == 0 ? "-" : node.Namespace);
        }
        var lines = new List<IRenderable> { table };
        foreach (LabReport.Service service in report.Services)
            lines.Add(new Markup(string.Create(CultureInfo.InvariantCulture, $"service {service.Name}: primary {service.Primary} at {service.Address}, {string.Join(", ", service.Listeners.Select(static door => $"{door.Type} on port {door.Port}"))}")));
        if (report.Dropped + report.Reordered > 0) lines.Add(new Markup(string.Create(CultureInfo.InvariantCulture, $"dropped {report.Dropped}, reordered {report.Reordered}")));
        return new Rows(lines);
    }

    private static string Sees(NodeStatus status) =>
        string.Join(' ', status.Members.Select(static member => member is { State: "live" } and ({ Synchronised: true } or { Role: "witness" }) ? $"[green]{Markup.Escape(member.Id)}[/]" : $"[red]{Markup.Escape(member.Id)}:{(member.State == "live" ? "behind" : member.State)}[/]"));

    private static string Number(long? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "-";
}

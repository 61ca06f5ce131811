using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Admin;

/// <summary>A node's status as tables for a terminal.</summary>
internal static class StatusView
{
    /// <summary>The whole status.</summary>
    internal static IRenderable Render(NodeStatus status)
    {
        var parts = new List<IRenderable> { Headline(status), Services(status), Members(status), Losses(status) };
        foreach (ServiceStatus service in status.Services.Where(static service => service.Primary is null)) parts.Add(new Markup($"[red]service {Markup.Escape(service.Name)} has no primary:[/] {Markup.Escape(service.Election)}"));
        if (status.Drained) parts.Add(new Markup("[yellow]drained:[/] this node takes no service"));
        parts.AddRange(RelayTables.Of(status));
        foreach (string warning in status.Warnings) parts.Add(new Markup($"[yellow]warning:[/] {Markup.Escape(warning)}"));
        return new Rows(parts);
    }

    private static Markup Headline(NodeStatus status) => new(string.Create(CultureInfo.InvariantCulture,
        $"[bold]{Markup.Escape(status.Id)}[/]  {status.Role}, incarnation {status.Incarnation}, up {TimeSpan.FromSeconds(status.UptimeSeconds):c}, {(status.Synchronised ? "synchronised" : "[yellow]not synchronised[/]")}, group {Markup.Escape(status.Group.Name)} ({status.Group.Transport}, {status.Group.Security}), memory {Size(status.Memory.UsedBytes)} of {Size(status.Memory.LimitBytes)}"));

    private static Table Services(NodeStatus status)
    {
        Table table = NewTable("service", "role", "primary", "term", "lease left", "class", "records", "bytes", "acks", "met now");
        foreach (ServiceStatus service in status.Services)
        {
            bool first = true;
            foreach (ClassStatus row in service.Classes)
            {
                string met = row.MeetsAcks switch { null => "-", true => "yes", false when row.WhenShort == "accept" => "[yellow]no: accepts[/]", _ => "[red]no: refuses[/]" };
                table.AddRow(first ? Markup.Escape(service.Name) : "", first ? service.Role : "", first ? Markup.Escape(service.Primary ?? "-") : "", first ? Number((long)service.Term) : "",
                    first ? service.LeaseLeftMilliseconds is { } left ? $"{Number(left)} ms" : "-" : "",
                    row.Class, Number(row.Records), Size(row.Bytes), row.AcksAvailable is { } available ? string.Create(CultureInfo.InvariantCulture, $"{row.Acks} of {available}") : Number(row.Acks), met);
                first = false;
            }
        }
        return table;
    }

    private static Table Members(NodeStatus status)
    {
        Table table = NewTable("member", "state", "synchronised", "path", "lag messages", "lag bytes", "lag", "round trip", "silent");
        foreach (MemberStatus member in status.Members)
        {
            string state = member.State == MemberStatus.LiveState ? member.WaitedFor ? "live" : "[yellow]live, ejected[/]" : $"[red]{member.State}[/]";
            string path = member.PathCause is null ? member.Path ?? "-" : $"[yellow]{member.Path}[/] ({Markup.Escape(member.PathCause)})";
            string second = member.SecondPath switch { null => "", { Heard: true } => ", second path", _ => ", [red]second path silent[/]" };
            table.AddRow(Markup.Escape(member.Id), state, member.Synchronised ? "yes" : "[yellow]no[/]", path + second, Number(member.LagMessages), Size(member.LagBytes), $"{Number(member.LagMilliseconds)} ms",
                member.RoundTripMicroseconds is { } trip ? $"{Number(trip)} us" : "-", member.SilentMilliseconds is { } silent ? $"{Number(silent)} ms" : "-");
        }
        return table;
    }

    private static Markup Losses(NodeStatus status) => new(status.WouldBeLost.Count == 0
        ? "If this node died now: [green]nothing would be lost[/]"
        : $"If this node died now, lost: [red]{Markup.Escape(string.Join(", ", status.WouldBeLost.Select(static loss => $"{Number(loss.Records)} {loss.Class} writes of {loss.Service}")))}[/]");

    internal static Table NewTable(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in columns) table.AddColumn(new TableColumn(column) { NoWrap = true });
        return table;
    }

    internal static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    internal static string Size(long bytes) => bytes switch
    {
        < 10 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 10 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20} MiB"),
    };
}

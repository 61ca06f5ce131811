using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Drills;

/// <summary>Drills as tables for a terminal. Spans are milliseconds.</summary>
internal static class DrillView
{
    /// <summary>One drill with its rounds.</summary>
    internal static IRenderable Render(DrillReport report)
    {
        Table table = NewTable("round", "primary", "by", "detection", "election", "collect", "cut", "address", "first byte", "gap", "late", "icmp", "resumed", "survived", "acked", "lost", "back");
        foreach (DrillRound round in report.Rounds)
        {
            table.AddRow(Count(round.Round), $"{Markup.Escape(round.Primary)} > {Markup.Escape(round.Successor ?? "nobody")}", round.Kind ?? "-", Span(round.DetectionMs), Span(round.ElectionMs), Span(round.CollectMs), Span(round.CutMs),
                Span(round.AddressMs), Span(round.FirstByteMs), $"[bold]{Span(round.GapMs)}[/]", Span(round.LatenessMs), Span(round.EchoGapMs), $"{Count(round.Resumed)} of {Count(round.Sessions)}", Count(round.Survived), Count(round.Acknowledged),
                round.Lost == 0 ? "0" : $"[red]{Count(round.Lost)}[/]", round.Returned ? "yes" : "[red]no[/]");
        }
        var parts = new List<IRenderable> { table };
        foreach (DrillRound round in report.Rounds.Where(static round => round.Failure is not null)) parts.Add(new Markup($"[red]round {Count(round.Round)}: {Markup.Escape(round.Failure!)}[/]"));
        parts.Add(new Markup($"{Markup.Escape(Title(report))}: gap {Spread(report.Gap)}; ICMP {Spread(report.EchoGap)}; {(report.Lost == 0 ? "[green]no acknowledged write lost[/]" : $"[red]{Count(report.Lost)} acknowledged writes LOST[/]")}; {(report.Passed ? "[green]passed[/]" : "[red]failed[/]")}"));
        return new Rows(parts);
    }

    /// <summary>Earlier drills, a line each.</summary>
    internal static IRenderable Render(IReadOnlyList<DrillReport> history)
    {
        Table table = NewTable("at (UTC)", "service", "fault", "rounds", "gap p50", "gap p99", "icmp p50", "icmp p99", "lost", "passed");
        foreach (DrillReport report in history)
        {
            table.AddRow(report.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), Markup.Escape(report.Service), Markup.Escape(Fault(report)), Count(report.Rounds.Count),
                Span(report.Gap?.P50Ms), Span(report.Gap?.P99Ms), Span(report.EchoGap?.P50Ms), Span(report.EchoGap?.P99Ms), Count(report.Lost), report.Passed ? "yes" : "[red]no[/]");
        }
        return table;
    }

    private static string Title(DrillReport report) => $"{report.Service}, {Fault(report)}, {Count(report.Rounds.Count)} {(report.Rounds.Count == 1 ? "round" : "rounds")}";

    private static string Fault(DrillReport report) => report.Card is null ? report.Fault : $"{report.Fault} {report.Card}";

    private static string Spread(DrillSpread? spread) => spread is null ? "unknown" : $"p50 {Span(spread.P50Ms)} ms, p99 {Span(spread.P99Ms)} ms";

    private static string Span(double? milliseconds) => milliseconds?.ToString("0.0", CultureInfo.InvariantCulture) ?? "-";

    private static string Count(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static Table NewTable(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in columns) table.AddColumn(new TableColumn(column) { NoWrap = true });
        return table;
    }
}

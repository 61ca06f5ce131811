using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Appliance.Lab;

/// <summary>What a fault did on one link.</summary>
/// <param name="From">The sender; null for any.</param>
/// <param name="To">The receiver.</param>
/// <param name="Percent">What was asked for.</param>
/// <param name="Seen">Packets that passed by.</param>
/// <param name="Touched">Packets of them that were dropped or held back.</param>
internal sealed record LinkCount(string? From, string To, double Percent, long Seen, long Touched);

/// <summary>
/// Loss, reordering and partitions by nftables on the bridges. This kernel has no netem; nft's random numbers drop, and hand packets that are to be
/// late to a process (<see cref="PacketReorderer"/>). Every rule has counters: a mistyped rule would test nothing.
/// </summary>
internal sealed class PacketFilter(string hub)
{
    /// <summary>Mark of packets that were held back already.</summary>
    internal const int ReorderedMark = 77;

    private const int Parts = 100_000; // a hundredth of a thousandth: 0.1 % is 100 of them

    /// <summary>Puts the faults of a state in force. Counters go on unless their fault is set anew.</summary>
    internal void Apply(LabState state, bool resetLosses = false, bool resetReordering = false)
    {
        var rules = new StringBuilder();
        if (resetLosses) rules.Append("add table bridge lab\ndelete table bridge lab\n");
        if (resetReordering) rules.Append("add table netdev lab\ndelete table netdev lab\n");
        rules.Append("add table bridge lab\nadd chain bridge lab forward { type filter hook forward priority 0; }\nflush chain bridge lab forward\n");
        AddPartitions(rules, state);
        foreach (LabFault loss in state.Losses.Where(static loss => loss.Percent > 0)) AddLoss(rules, state, loss);
        AddReordering(rules, state);
        LabNetwork.RunInside(hub, rules.ToString(), "nft", "-f", "-");
    }

    /// <summary>What the losses did on each link since they were set.</summary>
    internal IReadOnlyList<LinkCount> Losses(LabState state)
    {
        Dictionary<string, long> counters = ReadCounters();
        return [.. state.Losses.SelectMany(loss => Receivers(state, loss).Select(to => Count(counters, loss, to, "seen", "dropped")))];
    }

    /// <summary>What the reordering did on each link since it was set.</summary>
    internal IReadOnlyList<LinkCount> Reordered(LabState state)
    {
        if (state.Reorder is not { } reorder) return [];
        Dictionary<string, long> counters = ReadCounters();
        return [.. Receivers(state, reorder).Select(to => Count(counters, reorder, to, "passed", "held"))];
    }

    /// <summary>Packets dropped by the partitions since they were set.</summary>
    internal long Partitioned() => ReadCounters().GetValueOrDefault("partitioned");

    private static void AddPartitions(StringBuilder rules, LabState state)
    {
        if (state.Partitions.Count == 0) return;
        rules.Append("add counter bridge lab partitioned\n");
        foreach (LabPartition partition in state.Partitions)
        {
            Drop(rules, partition.Left, partition.Right);
            if (!partition.OneWay) Drop(rules, partition.Right, partition.Left);
        }
    }

    private static void Drop(StringBuilder rules, IReadOnlyList<string> from, IReadOnlyList<string> to) =>
        rules.Append(CultureInfo.InvariantCulture, $"add rule bridge lab forward iifname {Ports(from)} oifname {Ports(to)} counter name partitioned drop\n");

    private static string Ports(IReadOnlyList<string> nodes) => $"{{ {string.Join(", ", nodes.SelectMany(static node => LabNetwork.Cards.Select(card => $"\"{node}-{card}\"")))} }}";

    private static void AddLoss(StringBuilder rules, LabState state, LabFault loss)
    {
        foreach (string to in Receivers(state, loss))
        {
            string seen = CounterName("seen", loss, to), dropped = CounterName("dropped", loss, to);
            string from = loss.From is null ? "" : $"iifname \"{loss.From}-sync\" ";
            rules.Append(CultureInfo.InvariantCulture, $"add counter bridge lab {seen}\nadd counter bridge lab {dropped}\n");
            rules.Append(CultureInfo.InvariantCulture, $"add rule bridge lab forward {from}oifname \"{to}-sync\" ether type ip counter name {seen} {Chance(loss)}counter name {dropped} drop\n");
        }
    }

    private static void AddReordering(StringBuilder rules, LabState state)
    {
        rules.Append("add table netdev lab\n");
        foreach (LabNode node in state.Nodes) rules.Append(CultureInfo.InvariantCulture, $"add chain netdev lab {node.Id} {{ type filter hook egress device \"{node.Id}-sync\" priority 0; }}\nflush chain netdev lab {node.Id}\n");
        if (state.Reorder is not { Percent: > 0 } reorder) return;
        foreach (string to in Receivers(state, reorder))
        {
            string passed = CounterName("passed", reorder, to), held = CounterName("held", reorder, to);
            rules.Append(CultureInfo.InvariantCulture, $"add counter netdev lab {passed}\nadd counter netdev lab {held}\nadd rule netdev lab {to} meta mark {ReorderedMark} accept\n");
            rules.Append(CultureInfo.InvariantCulture, $"add rule netdev lab {to} ip protocol udp counter name {passed} {Chance(reorder)}counter name {held} fwd to \"{PacketReorderer.InletOf(to)}\"\n");
        }
    }

    // Empty where every packet is meant: nft takes no number that its random ones cannot reach.
    private static string Chance(LabFault fault) => fault.Percent >= 100 ? "" : string.Create(CultureInfo.InvariantCulture, $"numgen random mod {Parts} < {(int)Math.Round(fault.Percent * Parts / 100)} ");

    private static IEnumerable<string> Receivers(LabState state, LabFault fault) =>
        fault.To is not null ? [fault.To] : state.Nodes.Select(static node => node.Id).Where(id => id != fault.From);

    private static string CounterName(string what, LabFault fault, string to) => $"{what}_{fault.From ?? "any"}_{to}";

    private static LinkCount Count(Dictionary<string, long> counters, LabFault fault, string to, string seen, string touched) =>
        new(fault.From, to, fault.Percent, counters.GetValueOrDefault(CounterName(seen, fault, to)), counters.GetValueOrDefault(CounterName(touched, fault, to)));

    private Dictionary<string, long> ReadCounters()
    {
        using JsonDocument listing = JsonDocument.Parse(LabNetwork.RunInside(hub, null, "nft", "-j", "list", "counters"));
        var counters = new Dictionary<string, long>();
        foreach (JsonElement item in listing.RootElement.GetProperty("nftables").EnumerateArray())
        {
            if (item.TryGetProperty("counter", out JsonElement counter)) counters[counter.GetProperty("name").GetString()!] = counter.GetProperty("packets").GetInt64();
        }
        return counters;
    }
}

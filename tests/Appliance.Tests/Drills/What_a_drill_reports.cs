using System.Text.Json;
using Appliance.Admin;
using Appliance.Drills;
using Appliance.Multicast;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Drills;

/// <summary>From single probes to a drill's report and its history.</summary>
public sealed class What_a_drill_reports
{
    private static Timestamp At(double milliseconds) => new((long)(milliseconds * 1_000_000));

    [Fact]
    public void The_gap_is_the_longest_time_without_an_answer_that_touches_the_fault()
    {
        var times = new ProbeTimes();
        foreach (double at in new[] { 0, 500, 900, 901, 902, 1030, 1031, 1032, 1900 }) times.Succeed(At(at));

        ProbeGap gap = times.LongestGap(At(902.5), At(1032))!.Value; // neither the 500 ms before the fault nor the 868 ms after the end
        Assert.Equal((At(902), At(1030)), (gap.Last, gap.First));
        Assert.Equal(TimeSpan.FromMilliseconds(868), times.LongestGap(At(902.5), At(2000))!.Value.Length);
    }

    [Fact]
    public void Without_an_answer_after_the_fault_there_is_no_gap_but_an_end()
    {
        var times = new ProbeTimes();
        times.Succeed(At(1));
        times.Succeed(At(2));
        Assert.Null(times.LongestGap(At(2), At(1000)));
    }

    [Fact]
    public void The_probers_own_lateness_in_the_gap_stands_beside_it()
    {
        var times = new ProbeTimes();
        times.Start(At(10), At(90)); // long before
        times.Start(At(101), At(101));
        times.Start(At(102), At(109));
        times.Start(At(250), At(290)); // after it
        times.Succeed(At(100));
        times.Succeed(At(200));
        Assert.Equal(TimeSpan.FromMilliseconds(7), times.LongestGap(At(100), At(1000))!.Value.Lateness);
    }

    [Fact]
    public void The_parts_of_a_takeover_add_up_to_the_gap()
    {
        var takeover = new TakeoverStatus("demo", 7, "ordinary", Suspected: 100_000, Elected: 112_000, Collected: 113_500, Cut: 114_000, Address: 114_300);
        DrillRound round = RoundResult.Of(new DrillRound { Round = 1, Primary = "a" }, "b", [takeover with { Address = 4_000 }, takeover, takeover with { Address = 200_000 }], Probe(last: 5_000, first: 115_000));

        Assert.Equal((95.0, 12.0, 1.5, 0.5, 0.3, 0.7), (round.DetectionMs, round.ElectionMs, round.CollectMs, round.CutMs, round.AddressMs, round.FirstByteMs));
        Assert.Equal(110.0, round.GapMs);
        Assert.Equal(round.GapMs!.Value, (round.DetectionMs + round.ElectionMs + round.CollectMs + round.CutMs + round.AddressMs + round.FirstByteMs)!.Value, 6);
    }

    [Fact]
    public void A_hand_over_has_nothing_to_collect_and_still_adds_up()
    {
        var takeover = new TakeoverStatus("demo", 7, "hand-over", Suspected: 10_000, Elected: 11_000, Collected: null, Cut: 12_000, Address: 12_500);
        DrillRound round = RoundResult.Of(new DrillRound { Round = 1, Primary = "a" }, "b", [takeover with { Address = 4_000 }, takeover, takeover with { Address = 200_000 }], Probe(last: 5_000, first: 13_000));
        Assert.Null(round.CollectMs);
        Assert.Equal(8.0, (round.DetectionMs + round.ElectionMs + round.CutMs + round.AddressMs + round.FirstByteMs)!.Value, 6);
    }

    [Fact]
    public void Percentiles_are_nearest_ranks()
    {
        Assert.Null(DrillSpread.Of([null]));
        Assert.Equal(new DrillSpread(5, 5, 5), DrillSpread.Of([5, null]));
        Assert.Equal(new DrillSpread(2, 4, 4), DrillSpread.Of([4, 1, 3, 2]));
        Assert.Equal(new DrillSpread(100, 198, 200), DrillSpread.Of(Enumerable.Range(1, 200).Select(static value => (double?)value)));
    }

    [Fact]
    public void A_drill_passes_only_when_nothing_was_lost_and_all_came_back()
    {
        DrillRound good = new() { Round = 1, Primary = "a", GapMs = 100, Returned = true };
        Assert.True(Report(good).Passed);
        Assert.False(Report().Passed);
        Assert.False(Report(good, good with { Lost = 1 }).Passed);
        Assert.False(Report(good with { GapMs = null }).Passed);
        Assert.False(Report(good with { Returned = false }).Passed);
        Assert.False(Report(good with { Failure = "nobody took over" }).Passed);
    }

    [Fact]
    public void The_history_keeps_the_last_drills_and_skips_what_it_cannot_read()
    {
        using var directory = new TemporaryDirectory();
        var history = new DrillHistory(directory.Path);
        Assert.Empty(history.Read());
        File.WriteAllText(Path.Combine(directory.Path, "drills"), "no report\n");
        for (int i = 1; i <= DrillHistory.Capacity + 2; i++) history.Add(Report(new DrillRound { Round = i, Primary = "a", GapMs = i, Returned = true }));

        IReadOnlyList<DrillReport> kept = history.Read();
        Assert.Equal(DrillHistory.Capacity, kept.Count);
        Assert.Equal([3, DrillHistory.Capacity + 2], [kept[0].Rounds[0].Round, kept[^1].Rounds[0].Round]);
        Assert.Equal(JsonSerializer.Serialize(Report(kept[0].Rounds[0]).Gap), JsonSerializer.Serialize(kept[0].Gap));
    }

    private static ProbeReport Probe(long last, long first) =>
        new([new ListenerGap("web", "relay", new GapReport(0, 999_000, 0), 1, 1, 0), new ListenerGap("state", "resp", new GapReport(last, first, 250), 200, 90, 3)], null, 50, 0, 1, 2, 2, 2, 0);

    private static DrillReport Report(params DrillRound[] rounds) => new() { At = DateTimeOffset.UnixEpoch, Laboratory = "lab", Service = "demo", Fault = "kill", Card = null, Rounds = rounds };
}

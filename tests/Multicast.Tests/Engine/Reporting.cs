using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Reporting
{
    [Fact, Trait("Demand", "A14")]
    public void A_report_tells_what_is_received_applied_and_missing()        // P-40
    {
        using var group = TestGroup.Of(2);
        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 20);
        Send(group, 20, lose: [5, 6, 9]);
        var reports = Watch(group, "b");
        group.Run(milliseconds: 0.8);

        var report = Assert.Single(reports, static r => r.Ranges.Length > 0);
        Assert.Equal((4UL, 4UL, 20UL), (report.Contiguous, report.Applied, report.Highest));
        Assert.Equal([new SequenceRange(5, 6), new SequenceRange(9, 9)], report.Ranges);
    }

    [Fact]
    public void Gaps_beyond_64_wait_for_the_next_report()                    // P-41
    {
        using var group = TestGroup.Of(2);
        var reports = Watch(group, "b");
        Send(group, 200, lose: [.. Enumerable.Range(1, 99).Select(static i => (ulong)i * 2)]);
        group.Run(milliseconds: 2);
        Assert.Equal(64, reports.First(static r => r.Ranges.Length > 0).Ranges.Length);
        group.Run(milliseconds: 100);
        Assert.Equal(200UL, group["b"].Member("a").DeliveredThrough);
    }

    [Fact]
    public void News_is_reported_within_the_interval()                      // P-42
    {
        using var group = TestGroup.Of(2);
        group.Run(milliseconds: 1000);
        var reports = Watch(group, "b");
        group["a"].PublishNow("x");
        var sent = group.Now;
        Assert.True(group.RunUntil(() => reports.Any(static r => r.Contiguous == 1), 50));
        Assert.InRange((group.Now - sent).TotalMilliseconds, 9, 11.2);
    }

    [Fact]
    public void Much_news_is_reported_at_once()                             // P-42, P-49
    {
        using var group = TestGroup.Of(2);
        group.Run(milliseconds: 1000);
        var reports = Watch(group, "b");
        Send(group, 100, lose: []);
        group.Run(milliseconds: 1);
        Assert.Equal(3, reports.Count);                                     // one per 32: an eighth of 256
        Assert.Equal(96UL, reports[^1].Contiguous);
    }

    [Fact, Trait("Demand", "A14")]
    public void Acknowledge_now_is_reported_at_once()                       // P-43
    {
        using var group = TestGroup.Of(3);
        foreach (string name in (string[])["b", "c"]) group[name].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 1000);
        group["a"].Publish([1], PublishOptions.AcknowledgeNow, out ulong sequence);
        group["a"].Flush();
        var sent = group.Now;
        Assert.True(group.RunUntil(() => group["a"].Engine.Members.All(m => m.AppliedThrough >= sequence), 50));
        Assert.Equal(TimeSpan.FromMicroseconds(200), group.Now - sent);      // there and back
        Assert.True(group["a"].Progresses > 0);
    }

    [Fact]
    public void A_batch_of_datagrams_is_answered_by_one_report()             // P-49
    {
        using var group = TestGroup.Of(2);
        var b = group["b"];
        var datagrams = new List<byte[]>();
        group.Loses = p =>
        {
            if (p.Type == DatagramType.Data) datagrams.Add(p.Bytes);
            return p.Type == DatagramType.Data;
        };
        for (int i = 0; i < 200; i++) group["a"].PublishNow("x", PublishOptions.AcknowledgeNow);
        var reports = Watch(group, "b");
        foreach (byte[] datagram in datagrams) b.Receive(datagram, group["a"].EndPoint, ReceivePath.Group, endBatch: false);
        var sink = b.Sink;
        b.Engine.EndReceiveBatch(group.Now, ref sink);
        Assert.Equal(200UL, Assert.Single(reports).Contiguous);
    }

    [Fact]
    public void Reordering_within_the_delay_asks_for_nothing()               // P-44
    {
        using var group = TestGroup.Of(2);
        var reports = Watch(group, "b");
        group.Delays = static p => p.Type == DatagramType.Data && p.Sequence % 3 == 0 ? TimeSpan.FromMicroseconds(300) : TimeSpan.Zero;
        Send(group, 100, lose: []);
        group.Run(milliseconds: 50);
        Assert.All(reports, static r => Assert.Empty(r.Ranges));
        Assert.Equal(0, group["a"].Counters.RepairsSent);
        Assert.Equal(100UL, group["b"].Member("a").DeliveredThrough);
    }

    [Fact]
    public void A_gap_that_remains_is_asked_for_more_and_more_rarely()       // P-45
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.Type == DatagramType.Repair || p.Type == DatagramType.Data && p.Sequence == 1;
        var times = new List<Timestamp>();
        Watch(group, "b", r =>
        {
            if (r.Ranges.Length > 0) times.Add(group.Now);
        });
        group["a"].PublishNow("lost");
        group["a"].PublishNow("kept");
        group.Run(milliseconds: 1000);
        var spans = times.Zip(times.Skip(1), static (x, y) => (y - x).TotalMilliseconds).ToList();
        Assert.InRange(spans[0], 4, 10);
        Assert.True(spans[3] > spans[0] && spans[^1] > 80, string.Join(' ', spans));
        Assert.InRange(times.Count, 8, 30);
    }

    [Fact]
    public void A_quiet_stream_is_reported_five_times_per_second()           // P-46
    {
        using var group = TestGroup.Of(2);
        group.Run(milliseconds: 2000);
        var reports = Watch(group, "b");
        group.Run(milliseconds: 1000);
        Assert.InRange(reports.Count, 4, 6);
    }

    [Fact]
    public void A_lost_last_report_is_made_good()                           // P-46
    {
        using var group = TestGroup.Of(2);
        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 1000);
        int reports = 0;
        group.Loses = p => p.Type == DatagramType.Report && p.From.Name == "b" && ++reports <= 2;
        group["a"].Publish([1], PublishOptions.AcknowledgeNow, out _);
        group["a"].Flush();
        Assert.True(group.RunUntil(() => group["a"].Member("b").AppliedThrough == 1, 250));
    }

    [Fact]
    public void In_a_large_group_gaps_are_reported_to_all_after_a_backoff_and_suppress()     // P-47, P-48
    {
        using var group = TestGroup.Of(12);
        group.Run(milliseconds: 500);
        var asked = new HashSet<string>();
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Report && p.From.Name != "a" && p.Path == ReceivePath.Group) asked.Add(p.From.Name);
        };
        for (int round = 0; round < 20; round++)
        {
            ulong lost = (ulong)round * 2 + 1;
            group.Loses = p => p.Type == DatagramType.Data && p.From.Name == "a" && p.Sequence == lost;
            group["a"].PublishNow("lost for all");
            group.Loses = static _ => false;
            group["a"].PublishNow("kept");
            group.Run(milliseconds: 60);
        }
        Assert.All(group.Nodes.Skip(1), static n => Assert.Equal(40, n.Messages("a").Count()));
        long sent = group.Nodes.Sum(static n => n.Counters.GapReportsSent), suppressed = group.Nodes.Sum(static n => n.Counters.ReportsSuppressed);
        Assert.True(suppressed >= 50, $"{sent} sent, {suppressed} suppressed");
        Assert.True(sent < 20 * 11 * 3 / 4, $"{sent} sent, {suppressed} suppressed");
        Assert.True(group["a"].Counters.RepairsSent < 60, $"{group["a"].Counters.RepairsSent} repairs");
        Assert.NotEmpty(asked);
    }

    [Fact]
    public void A_sender_that_does_not_hear_multicast_is_asked_alone()       // P-47
    {
        using var group = TestGroup.Of(3, static o => o with { DirectReportMembers = 2 });
        group.Loses = static p => p.Type == DatagramType.Report && p.Path == ReceivePath.Group;
        Send(group, 10, lose: [4]);
        group.Run(milliseconds: 100);
        Assert.Equal(10, group["b"].Runs.Count);
    }

    [Fact]
    public void Backoff_follows_RFC_5401()                                  // P-47
    {
        var random = new SeededRandom(1);
        var longest = TimeSpan.FromMilliseconds(8);
        double[] draws = [.. Enumerable.Range(0, 10_000).Select(_ => Backoff.Draw(random, longest, 50).TotalMilliseconds).Order()];
        Assert.InRange(draws[0], 0, 0.5);
        Assert.InRange(draws[^1], 7.9, 8.0001);
        Assert.True(draws[5000] > 6, "exponential: the median is late");     // few early, many late
        Assert.InRange(draws[100], 0, 4);
    }

    [Fact]
    public void A_lost_tail_is_noticed_after_one_round_trip()                // P-53, P-85
    {
        using var group = TestGroup.Of(2);
        group.Run(milliseconds: 500);
        group.Loses = static p => p.Type == DatagramType.Data && p.Path == ReceivePath.Group;
        group["a"].PublishNow("tail");
        var sent = group.Now;
        Assert.True(group.RunUntil(() => group["b"].Runs.Count == 1, 100));
        Assert.InRange((group.Now - sent).TotalMilliseconds, 1.5, 4);
    }

    [Fact]
    public void A_heartbeat_that_overtakes_data_asks_for_nothing()           // P-53
    {
        using var group = TestGroup.Of(2);
        group.Delays = static p => p.Type is DatagramType.Data or DatagramType.Probe ? TimeSpan.FromMilliseconds(3) : TimeSpan.Zero;
        for (int i = 0; i < 100; i++)
        {
            group["a"].PublishNow("x");
            group.Run(milliseconds: 1);
        }
        group.Run(milliseconds: 50);
        Assert.Equal(0, group["b"].Counters.GapReportsSent);
        Assert.Equal(100, group["b"].Runs.Count);
    }

    internal sealed record Seen(ulong Contiguous, ulong Applied, ulong Highest, uint Window, ReportFlags Flags, SequenceRange[] Ranges);

    /// <summary>Opens every report that a node sends.</summary>
    internal static List<Seen> Watch(TestGroup group, string from, Action<Seen>? each = null)
    {
        var reports = new List<Seen>();
        var node = group[from];
        var cipher = new StreamCipher(TestGroup.Key, 1, node.Engine.Self, node.Engine.Identity.Incarnation, node.Engine.Identity.Salt);
        var before = group.Sees;
        group.Sees = p =>
        {
            before(p);
            if (p.Type != DatagramType.Report || p.From != node) return;
            DatagramHeader.TryParse(p.Bytes, out var header);
            byte[] body = new byte[header.Sealed.Length];
            Assert.True(cipher.TryOpen(p.Bytes, header.ClearBytes, body));
            Assert.Equal(DropReason.None, ReportView.TryParse(body, out var view));
            var ranges = new SequenceRange[view.RangeCount];
            for (int i = 0; i < ranges.Length; i++) ranges[i] = view[i];
            var seen = new Seen(view.Contiguous, view.Applied, view.Highest, view.Window, view.Flags, ranges);
            reports.Add(seen);
            each?.Invoke(seen);
        };
        return reports;
    }

    /// <summary>Sends datagrams of one message each from a; some are lost on the way to b.</summary>
    internal static void Send(TestGroup group, int datagrams, ulong[] lose)
    {
        var before = group.Loses;
        group.Loses = p => p.Type == DatagramType.Data && p.To.Name == "b" && lose.Contains(p.Sequence);
        for (int i = 0; i < datagrams; i++) group["a"].PublishNow($"m{i + 1}");
        group.Loses = before;
    }
}

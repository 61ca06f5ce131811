using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Flowing
{
    [Fact]
    public void A_sender_stops_at_the_smallest_window()                      // P-70
    {
        using var group = TestGroup.Of(3);
        group["a"].PublishNow("first");
        group.Run(milliseconds: 50);
        group.Loses = static p => p.Type == DatagramType.Report && p.From.Name == "b";
        for (int i = 0; i < 400; i++) group["a"].PublishNow("x");
        group.Run(milliseconds: 20);
        Assert.Equal(1 + 256, group["a"].Counters.DataDatagramsSent);
        Assert.True(group["a"].Counters.WindowBlocked > 0);
        group.Loses = static _ => false;
        group.Run(milliseconds: 300);
        Assert.Equal(401, group["b"].Runs.Count);
        Assert.Equal(0, group["a"].Counters.Ejections);
    }

    [Fact]
    public void The_receive_window_is_shared_by_the_streams_in_use()         // P-71
    {
        using var group = TestGroup.Of(3);
        var reports = Reporting.Watch(group, "c");
        group["a"].PublishNow("x");
        group.Run(milliseconds: 30);
        Assert.Equal(256u, reports[^1].Window);
        group["b"].PublishNow("x");
        group.Run(milliseconds: 30);
        Assert.Equal(128u, reports[^1].Window);
        group.Run(milliseconds: 1500);
        Assert.Equal(256u, reports[^1].Window);
    }

    [Fact, Trait("Demand", "A14")]
    public void Only_a_synchronised_node_reports_applied()                   // P-72
    {
        using var group = TestGroup.Of(2);
        for (int i = 0; i < 5; i++) group["a"].PublishNow("x", PublishOptions.AcknowledgeNow);
        group.Run(milliseconds: 50);
        var view = group["a"].Member("b");
        Assert.Equal((5UL, 0UL, false), (view.ReceivedThrough, view.AppliedThrough, view.Synchronised));

        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 5);
        Assert.Equal((5UL, true), (view.AppliedThrough, view.Synchronised));
        Assert.Contains(("b", MemberChange.SynchronisedChanged), group["a"].Changes);

        group["b"].Engine.DeclareSynchronised(false);
        group["a"].PublishNow("y", PublishOptions.AcknowledgeNow);
        group.Run(milliseconds: 50);
        Assert.Equal((6UL, 5UL, false), (view.ReceivedThrough, view.AppliedThrough, view.Synchronised));
    }

    [Fact]
    public void Applied_waits_for_a_whole_run()                             // P-72, P-24
    {
        using var group = TestGroup.Of(2);
        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 20);
        group.Loses = static p => p.Type is DatagramType.Data or DatagramType.Repair && p.Sequence == 3;
        group["a"].Publish(new byte[4000], PublishOptions.AcknowledgeNow, out ulong end);
        group["a"].Flush();
        group.Run(milliseconds: 50);
        Assert.Equal((2UL, 0UL), (group["a"].Member("b").ReceivedThrough, group["a"].Member("b").AppliedThrough));
        group.Loses = static _ => false;
        group.Run(milliseconds: 200);
        Assert.Equal(end, group["a"].Member("b").AppliedThrough);
    }

    [Fact]
    public void A_frozen_member_stalls_the_others_for_less_than_dead_after() // P-73
    {
        using var group = TestGroup.Of(3);
        long published = 0, worst = 0;
        var last = group.Now;
        group["b"].IsFrozen = true;
        var end = group.Now + TimeSpan.FromSeconds(5);
        while (group.Now < end)
        {
            for (int i = 0; i < 20 && group["a"].Publish(new byte[1000], PublishOptions.None, out _); i++)
            {
                worst = Math.Max(worst, (group.Now - last).Ticks);
                last = group.Now;
                published++;
            }
            group["a"].Flush();
            group.Run(milliseconds: 1);
        }
        Assert.True(TimeSpan.FromTicks(worst) < TimeSpan.FromMilliseconds(200), $"stalled {TimeSpan.FromTicks(worst)}");
        Assert.InRange(published, 5000 * 20 * 0.95, 5000 * 20);             // demanded: not slower than by a tenth
        Assert.Contains(("b", MemberChange.Ejected), group["a"].Changes);
        group.Run(milliseconds: 100);
        Assert.Equal(published, group["c"].Delivered);
    }

    [Fact]
    public void An_ejected_member_is_waited_for_again_once_synchronised()    // P-75
    {
        using var group = TestGroup.Of(3);
        group["b"].Engine.DeclareSynchronised(true);
        group["b"].OnGap = static (node, _) => node.Engine.DeclareSynchronised(false);
        group.Run(milliseconds: 20);
        group["b"].IsFrozen = true;
        while (!group["a"].Changes.Contains(("b", MemberChange.Ejected)))
        {
            group["a"].Publish(new byte[1000], PublishOptions.None, out _);
            group["a"].Flush();
            group.Run(milliseconds: 0.1);
        }
        var view = group["a"].Member("b");
        Assert.False(view.WaitedFor);
        for (int i = 0; i < 3000; i++)
        {
            group["a"].Publish(new byte[1000], PublishOptions.None, out _);
            group["a"].Flush();
            if (i % 50 == 0) group.Run(milliseconds: 1);
        }
        group["b"].SocketBuffer.RemoveRange(100, group["b"].SocketBuffer.Count - 100);
        group["b"].IsFrozen = false;
        group.Run(milliseconds: 300);
        Assert.All(group["b"].Gaps, static g => Assert.Equal(GapReason.Ejected, g.Reason));
        Assert.NotEmpty(group["b"].Gaps);
        Assert.False(view.WaitedFor);

        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 20);
        Assert.True(view.WaitedFor);
        Assert.Equal(group["a"].Engine.PublishedThrough, view.AppliedThrough);
    }

    [Fact]
    public void A_member_that_alone_slows_the_group_is_ejected()             // P-74
    {
        using var group = TestGroup.Of(3, static o => o with { SlowTimeout = TimeSpan.FromSeconds(1) });
        // b gets one datagram per millisecond: it always progresses.
        var free = new Dictionary<string, Timestamp> { ["b"] = group.Now };
        group.Delays = p =>
        {
            if (p.Type is not (DatagramType.Data or DatagramType.Probe or DatagramType.Repair) || p.From.Name != "a" || p.To.Name != "b") return TimeSpan.Zero;
            free["b"] = Timestamp.Max(free["b"] + TimeSpan.FromMilliseconds(1), group.Now);
            return free["b"] - group.Now;
        };
        var start = group.Now;
        while (!group["a"].Changes.Contains(("b", MemberChange.Ejected)) && group.Now - start < TimeSpan.FromSeconds(5))
        {
            for (int i = 0; i < 10; i++) group["a"].Publish(new byte[1000], PublishOptions.None, out _);
            group["a"].Flush();
            group.Run(milliseconds: 1);
        }
        Assert.InRange((group.Now - start).TotalSeconds, 1, 2.5);
    }

    [Fact]
    public void A_witness_is_never_waited_for()                             // P-75
    {
        using var group = TestGroup.Empty();
        group.Start("a");
        group.Start("w", identity: static i => i with { Role = MemberRole.Witness });
        group.Run(milliseconds: 300);
        Assert.Equal(MemberRole.Witness, group["a"].Member("w").Role);
        Assert.False(group["a"].Member("w").WaitedFor);
    }

    [Fact]
    public void Pacing_spreads_data_over_time()                             // P-76
    {
        using var group = TestGroup.Of(2, static o => o with { PacingBytesPerSecond = 1_464_000, RunDatagrams = 10 });
        for (int i = 0; i < 110; i++) group["a"].Publish(new byte[1400], PublishOptions.None, out _);
        group["a"].Flush();
        group.Run(milliseconds: 50);
        Assert.InRange(group["b"].Runs.Count, 55, 65);                       // 10 at once, then one per millisecond
        group.Run(milliseconds: 60);
        Assert.Equal(110, group["b"].Runs.Count);
    }

    [Fact]
    public void A_refused_publisher_is_told_once_when_there_is_room()        // P-77
    {
        using var group = TestGroup.Of(2);
        int published = 0;
        byte[] message = new byte[1400];
        for (int round = 0; round < 5; round++)
        {
            while (group["a"].Publish(message, PublishOptions.None, out _)) published++;
            int opened = group["a"].Opened;
            Assert.False(group["a"].Publish(message, PublishOptions.None, out _));
            group["a"].Flush();
            Assert.True(group.RunUntil(() => group["a"].Opened == opened + 1, 100));
            Assert.True(group["a"].Engine.PublishableBytes >= 512 / 4 * 1400L);
        }
        group["a"].Flush();
        group.Run(milliseconds: 200);
        Assert.Equal(5, group["a"].Opened);
        Assert.Equal(published, group["b"].Delivered);
    }
}

using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Receiving
{
    [Fact]
    public void Duplicates_have_no_effect()                                 // P-50, P-52
    {
        using var group = TestGroup.Of(2);
        var copies = new List<Packet>();
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Data) copies.Add(p);
        };
        for (int i = 0; i < 20; i++) group["a"].PublishNow($"m{i}");
        group.Run(milliseconds: 10);
        foreach (var copy in copies) group.Inject(group["b"], copy.Bytes);
        Assert.Equal(20, group["b"].Runs.Count);
        Assert.Equal(20, group["b"].Counters.Duplicates);
    }

    [Fact]
    public void What_is_behind_a_gap_waits_for_it()                         // P-51, P-52
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.Type == DatagramType.Repair;
        Reporting.Send(group, 10, lose: [3]);
        group.Loses = static p => p.Type == DatagramType.Repair;
        group.Run(milliseconds: 50);
        Assert.Equal(2, group["b"].Runs.Count);
        group.Loses = static _ => false;
        group.Run(milliseconds: 100);
        Assert.Equal(Enumerable.Range(1, 10).Select(static i => $"m{i}"), group["b"].Messages("a"));
        Assert.Equal(1, group["b"].Counters.RepairsReceived);
    }

    [Fact]
    public void What_is_beyond_the_window_is_dropped_and_repaired_later()    // P-54
    {
        using var group = TestGroup.Of(2, static o => o with { LagTimeout = TimeSpan.FromSeconds(9) });
        group["b"].Counters.Drop(DropReason.None);
        byte[]? far = null;
        group.Loses = p =>
        {
            if (p.Type == DatagramType.Data && p.Sequence == 200) far ??= p.Bytes;
            return p.Type == DatagramType.Data;
        };
        for (int i = 0; i < 200; i++) group["a"].PublishNow("x");
        using var cipher = new StreamCipher(TestGroup.Key, 1, group["a"].Engine.Self, 1, group["a"].Engine.Identity.Salt);
        byte[] beyond = Wire.WireBytes.Datagram(DatagramType.Data, Wire.WireBytes.Frames("far"), cipher, 513, DatagramFlags.RunStarts | DatagramFlags.RunEnds);
        group.Inject(group["b"], beyond);
        Assert.Equal(1, group["b"].Counters.Dropped(DropReason.BeyondWindow));
        group.Loses = static _ => false;
        group.Run(milliseconds: 500);
        Assert.Equal(200, group["b"].Runs.Count);
    }

    [Fact]
    public void What_is_gone_is_told_at_once_and_the_rest_is_delivered()     // P-55, P-57, P-63, P-64
    {
        using var group = TestGroup.Of(3, static o => o with { MaxMessageBytes = 4096, WindowDatagrams = 64, ReceiveWindowDatagrams = 32, RetainedDatagrams = 64, RunDatagrams = 4 });
        group["b"].IsFrozen = true;
        for (int i = 1; i <= 1000; i++)
        {
            while (!group["a"].Publish($"m{i}")) group.Run(milliseconds: 1);
            group["a"].Flush();
        }
        group["b"].SocketBuffer.RemoveRange(20, group["b"].SocketBuffer.Count - 20);       // a socket buffer is finite
        group["b"].IsFrozen = false;
        group.Run(milliseconds: 300);

        var b = group["b"];
        string[] got = [.. b.Messages("a")];
        var gap = Assert.Single(b.Gaps);
        Assert.Equal(GapReason.Ejected, gap.Reason);
        Assert.Equal(1000, got.Length + (int)(gap.Last - gap.First + 1));
        Assert.Equal($"m{gap.First - 1}", got[(int)gap.First - 2]);
        Assert.Equal($"m{gap.Last + 1}", got[(int)gap.First - 1]);
        Assert.Equal("m1000", got[^1]);
        Assert.Contains(("b", MemberChange.Ejected), group["a"].Changes);
        Assert.Equal(1000, group["c"].Messages("a").Count());
    }

    [Fact]
    public void The_rest_of_a_run_whose_beginning_is_gone_is_given_up_too()  // P-56
    {
        using var group = TestGroup.Of(2, static o => o with { StallAfter = TimeSpan.FromSeconds(1) });
        group.Loses = static p => p.Type is DatagramType.Data or DatagramType.Repair && p.Sequence == 2;
        group["a"].PublishNow("one");
        group["a"].Publish(new byte[4000], PublishOptions.None, out ulong large);
        group["a"].Flush();
        group["a"].PublishNow("five");
        group.Run(milliseconds: 1500);
        Assert.Equal(["one", "five"], group["b"].Messages("a"));
        Assert.Equal([("a", 2UL, large, GapReason.Gone)], group["b"].Gaps);
    }

    [Fact]
    public void A_run_that_misses_its_middle_is_given_up_as_a_whole()        // P-24, P-55
    {
        using var group = TestGroup.Of(2, static o => o with { StallAfter = TimeSpan.FromSeconds(1) });
        group.Loses = static p => p.Type is DatagramType.Data or DatagramType.Repair && p.Sequence == 3;
        group["a"].PublishNow("one");
        group["a"].Publish(new byte[4000], PublishOptions.None, out ulong large);
        group["a"].Flush();
        group["a"].PublishNow("five");
        group.Run(milliseconds: 1500);
        Assert.Equal(["one", "five"], group["b"].Messages("a"));
        Assert.Equal([("a", 2UL, large, GapReason.Gone)], group["b"].Gaps);
    }

    [Fact]
    public void A_gap_in_a_live_stream_that_never_closes_is_given_up()       // P-59
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.Type == DatagramType.Repair || p.Type == DatagramType.Data && p.Sequence == 1;
        group["a"].PublishNow("lost");
        group["a"].PublishNow("kept");
        group.Run(milliseconds: 9900);
        Assert.Empty(group["b"].Runs);
        group.Run(milliseconds: 200);
        Assert.Equal([("a", 1UL, 1UL, GapReason.Gone)], group["b"].Gaps);
        Assert.Equal(["kept"], group["b"].Messages("a"));
    }

    [Fact]
    public void An_authentic_run_that_is_not_well_formed_is_a_gap()          // P-23
    {
        using var group = TestGroup.Of(2);
        using var cipher = new StreamCipher(TestGroup.Key, 1, group["a"].Engine.Self, 1, group["a"].Engine.Identity.Salt);
        group.Inject(group["b"], Wire.WireBytes.Datagram(DatagramType.Data, [0, 0, 0, 99, 1], cipher, 1, DatagramFlags.RunStarts | DatagramFlags.RunEnds));
        Assert.Empty(group["b"].Runs);
        Assert.Equal([("a", 1UL, 1UL, GapReason.Gone)], group["b"].Gaps);
        Assert.Equal(1, group["b"].Counters.Dropped(DropReason.Malformed));
    }
}

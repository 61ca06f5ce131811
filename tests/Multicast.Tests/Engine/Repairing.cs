using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Repairing
{
    [Fact, Trait("Demand", "A13")]
    public void One_report_repairs_all_gaps()                               // P-40, P-60
    {
        using var group = TestGroup.Of(2);
        Reporting.Send(group, 100, lose: [.. Enumerable.Range(10, 50).Select(static i => (ulong)i)]);
        group.Run(milliseconds: 3);
        Assert.Equal(100, group["b"].Runs.Count);
        Assert.Equal(1, group["b"].Counters.GapReportsSent);
        Assert.Equal(50, group["a"].Counters.RepairsSent);
    }

    [Fact]
    public void A_repair_goes_to_who_asked()                                // P-61
    {
        using var group = TestGroup.Of(3);
        var repairs = Watch(group);
        Reporting.Send(group, 10, lose: [4]);
        group.Run(milliseconds: 20);
        var repair = Assert.Single(repairs);
        Assert.Equal(("b", ReceivePath.Unicast, 4UL), (repair.To.Name, repair.Path, repair.Sequence));
        Assert.Equal(10, group["b"].Runs.Count);
    }

    [Fact]
    public void Who_asks_again_gets_the_repair_by_unicast()                 // P-69
    {
        using var group = TestGroup.Of(3, static o => o with { DirectReportMembers = 2 });
        var repairs = Watch(group);
        group.Loses = static p => p.Type == DatagramType.Repair && p.Path == ReceivePath.Group;
        Reporting.Send(group, 10, lose: [4]);
        group.Run(milliseconds: 100);
        Assert.Equal(10, group["b"].Runs.Count);
        Assert.Equal(ReceivePath.Group, repairs[0].Path);
        Assert.Equal(("b", ReceivePath.Unicast, 4UL), (repairs[^1].To.Name, repairs[^1].Path, repairs[^1].Sequence));
    }

    [Fact]
    public void What_several_lack_is_sent_once_to_all()                     // P-61
    {
        using var group = TestGroup.Of(4);
        var repairs = Watch(group);
        group.Loses = static p => p.Type == DatagramType.Data && p.Sequence == 2;
        var reports = new List<Packet>();
        group["a"].PublishNow("1");
        group["a"].PublishNow("2");
        group["a"].PublishNow("3");
        group.Loses = p =>
        {
            if (p.Type == DatagramType.Report) reports.Add(p);
            return p.Type == DatagramType.Report;
        };
        group.Run(milliseconds: 1);
        group.Loses = static _ => false;
        foreach (var report in reports) group["a"].Receive(report.Bytes, report.From.EndPoint, ReceivePath.Unicast, endBatch: false);
        var sink = group["a"].Sink;
        group["a"].Engine.EndReceiveBatch(group.Now, ref sink);
        group.Run(milliseconds: 50);
        Assert.Equal(3, repairs.Count);                                      // one send to the group: three receivers
        Assert.Equal(1, group["a"].Counters.RepairsSent);
        Assert.Equal(1, group["a"].Counters.RepairRequestsMerged);
    }

    [Fact]
    public void A_report_that_crosses_a_repair_asks_in_vain()                // P-61
    {
        using var group = TestGroup.Of(2);
        Packet? report = null;
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Report) report = p;
        };
        Reporting.Send(group, 3, lose: [2]);
        group.Delays = static p => p.Type == DatagramType.Repair ? TimeSpan.FromMilliseconds(1) : TimeSpan.Zero;
        group.RunUntil(() => group["a"].Counters.RepairsSent == 1, 10);
        using var cipher = new StreamCipher(TestGroup.Key, 1, group["b"].Engine.Self, 1, group["b"].Engine.Identity.Salt);
        DatagramHeader.TryParse(report!.Bytes, out var header);
        byte[] body = new byte[header.Sealed.Length];
        cipher.TryOpen(report.Bytes, header.ClearBytes, body);
        group.Inject(group["a"], Wire.WireBytes.Datagram(DatagramType.Report, body, cipher, header.Counter + 5, node: group["b"].Engine.Self), ReceivePath.Unicast, group["b"].EndPoint);
        Assert.Equal(1, group["a"].Counters.RepairsSent);
        Assert.Equal(1, group["a"].Counters.RepairRequestsCrossed);
    }

    [Fact]
    public void Repairs_have_a_budget_and_members_take_turns()               // P-62
    {
        using var group = TestGroup.Of(3, static o => o with { RepairBytesPerSecond = 1_000_000, RepairOutstandingDatagrams = 16, LagTimeout = TimeSpan.FromSeconds(5) });
        var repairs = Watch(group);
        group.Loses = static p => p.Type == DatagramType.Data && (p.To.Name == "b" ? p.Sequence <= 100 : p.Sequence is > 100 and <= 200);
        for (int i = 0; i < 201; i++)
        {
            while (!group["a"].Publish("x")) group.Run(milliseconds: 1);
            group["a"].Flush();
        }
        group.Loses = static _ => false;
        group.Run(milliseconds: 5);
        Assert.InRange(repairs.Count, 17, 60);                               // 16 of burst, then a byte per microsecond
        Assert.All(repairs.Take(16).Chunk(8), static turn => Assert.Single(turn.Select(static p => p.To.Name).Distinct()));
        Assert.Equal(2, repairs.Take(24).Select(static p => p.To.Name).Distinct().Count());
        Assert.True(group["a"].Counters.RepairBudgetExhausted > 0);
        group.Run(milliseconds: 1000);
        Assert.All((string[])["b", "c"], n => Assert.Equal(201, group[n].Runs.Count));
    }

    [Fact]
    public void Survivors_complete_each_other_when_the_sender_is_dead()      // P-65, P-66, P-67
    {
        using var group = TestGroup.Of(4);
        group.Loses = static p => p.Type is DatagramType.Data && p.From.Name == "a" && (p.Sequence + (ulong)p.To.Name[0]) % 3 == 0 || p.Type == DatagramType.Repair;
        for (int i = 0; i < 90; i++) group["a"].PublishNow($"m{i}");
        group.Run(milliseconds: 0.2);
        group.Kill(group["a"]);
        group.Loses = static _ => false;
        group.Run(milliseconds: 600);

        foreach (string name in (string[])["b", "c", "d"])
        {
            Assert.Equal(90, group[name].Messages("a").Count());
            Assert.Empty(group[name].Gaps);
        }
        Assert.True(group.Nodes.Skip(1).Sum(static n => n.Counters.RepairsForOthersSent) > 0);
    }

    [Fact]
    public void The_end_of_a_dead_stream_reaches_all_who_lack_it()           // P-67: b alone has the tail, nobody else knows of it
    {
        using var group = TestGroup.Of(4);
        group["a"].PublishNow("all");
        group.Run(milliseconds: 20);
        group.Loses = static p => p.From.Name == "a" && p.To.Name != "b";
        group["a"].PublishNow("only b");
        group.Run(milliseconds: 0.15);
        group.Kill(group["a"]);
        group.Loses = static _ => false;
        Assert.True(group.RunUntil(() => group["b"].Changes.Contains(("a", MemberChange.Suspected)), 500));
        group.Run(milliseconds: 40);                                          // it tells the others at once, not with its next report of a quiet stream
        Assert.All((string[])["b", "c", "d"], n => Assert.Equal(["all", "only b"], group[n].Messages("a")));
    }

    [Fact]
    public void Who_alone_hears_nothing_of_a_living_sender_gets_its_stream_from_the_others()     // P-66: it cannot ask for what it does not know of
    {
        using var group = TestGroup.Of(3);
        group.Loses = static p => p.From.Name == "a" && p.To.Name == "b";
        group["a"].PublishNow("x");
        Assert.True(group.RunUntil(() => group["b"].Changes.Contains(("a", MemberChange.Suspected)), 500));
        group.Run(milliseconds: 40);
        Assert.Equal(["x"], group["b"].Messages("a"));
    }

    [Fact]
    public void Holders_answer_one_after_the_other()                        // P-66, P-68
    {
        using var group = TestGroup.Of(6);
        group.Run(milliseconds: 500);
        group.Loses = static p => p.From.Name == "a" && p.To.Name == "b";
        for (int i = 0; i < 30; i++) group["a"].PublishNow("x");
        group.Run(milliseconds: 0.15);
        group.Kill(group["a"]);
        group.Loses = static _ => false;
        group.Run(milliseconds: 600);
        Assert.Equal(30, group["b"].Runs.Count);
        long sent = group.Nodes.Sum(static n => n.Counters.RepairsForOthersSent), suppressed = group.Nodes.Sum(static n => n.Counters.RepairsForOthersSuppressed);
        Assert.True(sent < 60 && suppressed > 30, $"{sent} sent, {suppressed} suppressed");
    }

    [Fact]
    public void A_forged_repair_suppresses_nobody()                         // P-68
    {
        using var group = TestGroup.Of(3);
        byte[]? original = null;
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Data) original = p.Bytes;
        };
        group.Loses = static p => p.From.Name == "a" && p.To.Name == "b";
        group["a"].PublishNow("x");
        group.Run(milliseconds: 0.15);
        group.Kill(group["a"]);
        group.Loses = static _ => false;
        byte[] forged = new byte[2000];
        byte[] altered = [.. original!];
        altered[50] ^= 1;
        int length = DatagramPrefix.WriteRepair(forged, 1, Wire.WireBytes.Group, altered);
        for (int i = 0; i < 600; i++)
        {
            group.Inject(group["c"], forged[..length]);
            group.Run(milliseconds: 1);
        }
        Assert.Equal(["x"], group["b"].Messages("a"));
        Assert.Equal(0, group["c"].Counters.RepairsForOthersSuppressed);
    }

    [Fact]
    public void What_nobody_holds_of_a_dead_stream_is_given_up()             // P-58
    {
        using var group = TestGroup.Of(3);
        group.Loses = static p => p.From.Name == "a" && p.Type is DatagramType.Repair || p.Type == DatagramType.Data && p.Sequence is 2 or 3;
        for (int i = 1; i <= 5; i++) group["a"].PublishNow($"m{i}");
        group.Run(milliseconds: 0.2);
        group.Kill(group["a"]);
        group.Loses = static _ => false;
        group.Run(milliseconds: 2000);
        Assert.Empty(group["b"].Gaps);
        group.Run(milliseconds: 400);
        Assert.All((string[])["b", "c"], n => Assert.Equal([("a", 2UL, 3UL, GapReason.Gone)], group[n].Gaps));
        Assert.All((string[])["b", "c"], n => Assert.Equal(["m1", "m4", "m5"], group[n].Messages("a")));
    }

    private static List<Packet> Watch(TestGroup group)
    {
        var repairs = new List<Packet>();
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Repair) repairs.Add(p);
        };
        return repairs;
    }
}

using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Reaching
{
    [Fact, Trait("Demand", "A12")]
    public void When_multicast_towards_a_member_fails_its_traffic_goes_by_unicast_and_back()     // P-90, P-91, P-92, P-93
    {
        using var group = TestGroup.Of(3);
        group.Loses = static p => p.To.Name == "b" && p.Path is not ReceivePath.Unicast;
        var failed = group.Now;
        int published = 0;
        while (!group["a"].Member("b").ByUnicast && group.Now - failed < TimeSpan.FromSeconds(2))
        {
            group["a"].PublishNow($"m{published++}");
            group.Run(milliseconds: 2);
        }
        Assert.InRange((group.Now - failed).TotalMilliseconds, 350, 500);
        Assert.Contains(("b", MemberChange.PathChanged), group["a"].Changes);
        Assert.False(group["a"].Member("c").ByUnicast);
        Assert.True(group.RunUntil(() => group["c"].Member("b").ByUnicast, 100));
        group.Run(milliseconds: 200);
        Assert.Equal([group["b"].EndPoint], group["a"].Engine.Heartbeats.UnicastDestinations);

        long repairs = group["a"].Counters.RepairsSent;
        for (int i = 0; i < 100; i++) group["a"].PublishNow($"m{published++}");
        group.Run(milliseconds: 20);
        Assert.Equal(Enumerable.Range(0, published).Select(static i => $"m{i}"), group["b"].Messages("a"));
        Assert.InRange(group["a"].Counters.RepairsSent - repairs, 0, 5);
        Assert.DoesNotContain(("b", MemberChange.Suspected), group["a"].Changes);
        Assert.DoesNotContain(("a", MemberChange.Suspected), group["b"].Changes);

        group.Loses = static _ => false;
        Assert.True(group.RunUntil(() => !group["a"].Member("b").ByUnicast, 1000));
        group.Run(milliseconds: 20);
        Assert.Empty(group["a"].Engine.Heartbeats.UnicastDestinations);
        long copies = group["a"].Counters.UnicastCopiesSent;
        group["a"].PublishNow("healed");
        group.Run(milliseconds: 20);
        Assert.Equal(copies, group["a"].Counters.UnicastCopiesSent);
        Assert.Equal("healed", group["b"].Messages("a").Last());
    }

    [Fact]
    public void When_our_unicast_does_not_arrive_control_goes_by_multicast()  // P-94
    {
        using var group = TestGroup.Of(3);
        group.Loses = static p => p.From.Name == "b" && p.To.Name == "a" && p.Path == ReceivePath.Unicast;
        group.Run(milliseconds: 1000);
        group["b"].Engine.DeclareSynchronised(true);
        group["a"].Publish([1], PublishOptions.AcknowledgeNow, out ulong sequence);
        group["a"].Flush();
        group.Run(milliseconds: 5);
        Assert.Equal(sequence, group["a"].Member("b").AppliedThrough);
        Assert.Equal(0, group["a"].Counters.Ejections);
    }

    [Fact]
    public void A_group_without_multicast_works_by_unicast()                 // P-95
    {
        using var group = TestGroup.Of(3, static o => o with { Transport = GroupTransport.Unicast });
        int data = 0;
        group.Loses = p => p.Type == DatagramType.Data && ++data % 10 == 0;
        for (int i = 0; i < 300; i++) group["a"].PublishNow($"m{i}");
        group.Run(milliseconds: 500);
        Assert.All((string[])["b", "c"], n => Assert.Equal(300, group[n].Messages("a").Count()));
        group.Run(milliseconds: 2000);
        Assert.All(group.Nodes, static n => Assert.Equal(0, n.Counters.PathChanges));
    }

    [Fact]
    public void Members_are_found_by_unicast_when_multicast_never_worked()    // P-91: configured peers get the JOIN too
    {
        using var group = TestGroup.Empty(static o => o with { Peers = [TestNode.Address(0), TestNode.Address(1)] });
        group.Loses = static p => p.Path is ReceivePath.Group or ReceivePath.Heartbeat;
        group.Start("a");
        group.Start("b");
        Assert.True(group.RunUntil(() => group.Nodes.All(static n => n.Engine.Members.Count(static m => m.ByUnicast) == 1), 2000));
        group["a"].PublishNow("x");
        group.Run(milliseconds: 100);
        Assert.Equal(["x"], group["b"].Messages("a"));
    }
}

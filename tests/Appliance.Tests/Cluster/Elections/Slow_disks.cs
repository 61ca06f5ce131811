using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>Votes on their way to a disk: nobody hears of them, and nothing else waits for them (docs/decisions/0012). Dead-after is 200 ms here, the lease 150 ms.</summary>
public sealed class Slow_disks
{
    [Fact]
    [Trait("Demand", "E6")]
    public void A_vote_is_told_once_it_is_stored_and_a_candidate_asks_at_once()
    {
        TestGroup group = TestGroup.WithPrimary();
        group["b"].Store.Steps = 30;
        group["w"].Store.Steps = 50;
        group.Dead.Add("a");
        Assert.True(group.RunUntil(() => group["b"].Says().Role == ElectionRole.Candidate));
        Assert.NotNull(group["b"].Store.UnderWay);
        Assert.True(group.RunUntil(() => group["w"].Store.UnderWay is not null, 2)); // it stores its vote while the candidate stores its own
        Timestamp asked = group.Now;
        uint before = group["w"].Says().Term;
        while (group["w"].Store.UnderWay is not null)
        {
            Assert.Equal((before, BeatExtension.NoSlot), (group["w"].Says().Term, group["w"].Says().Bound));
            Assert.Null(group.Primary());
            group.Run(1);
        }
        Assert.True(group.RunUntil(() => group.Primary() == "b", 2));
        Assert.InRange((group.Now - asked).TotalMilliseconds, 49, 53); // the slower of the two disks, not one after the other
    }

    [Fact]
    public void A_candidate_that_has_not_stored_its_own_vote_does_not_win_with_it()
    {
        TestGroup group = TestGroup.WithPrimary();
        group["b"].Store.Steps = 60;
        group.Dead.Add("a");
        Assert.True(group.RunUntil(() => group["w"].Says().Bound == 1)); // b's slot: one vote of three is told
        group.Run(30);
        Assert.Null(group.Primary());
        Assert.True(group.RunUntil(() => group.Primary() == "b", 40));
        Assert.Contains("elected 0 2 Ordinary", group["b"].Events);
    }

    [Fact]
    [Trait("Demand", "E6")]
    public void Leases_go_on_while_votes_take_longer_than_a_lease()
    {
        var group = new TestGroup(static options => options with { Services = [new ElectionService { Name = "shop" }, new ElectionService { Name = "tunnel", Preferred = NodeId.FromName("b") }] });
        Assert.True(group.RunUntil(() => group.Primary(0) == "a" && group.Primary(1) == "b"));
        foreach (string name in new[] { "a", "b" })
        {
            for (int service = 0; service < 2; service++) group[name].Engine.SetReadiness(group.Now, service, synchronised: true, healthy: true, drained: false, 1);
            group[name].Engine.SetServing(group.Now, name == "a" ? 0 : 1);
            Assert.Null(group[name].Engine.ProposeSynchronisedSet(group.Now, name == "a" ? 0 : 1, 0b011));
        }
        group.Run(100);
        foreach (TestElections node in group.Nodes) node.Store.Steps = 320;
        group["a"].Events.Clear();
        group.Dead.Add("b");
        Assert.True(group.RunUntil(() => group.Primary(1) == "a", 4000));
        Assert.Equal("a", group.Primary(0));
        Assert.DoesNotContain(group["a"].Events, static line => line.StartsWith("lost", StringComparison.Ordinal));
        Assert.Contains(group["a"].Lines, static line => line.Contains("ms to reach the disk", StringComparison.Ordinal));
    }

    [Fact]
    public void A_primary_that_needs_nobody_else_commits_a_set_once_it_has_stored_it()
    {
        var group = new TestGroup(static options => options with { Quorum = false, Members = [new("a", MemberRole.Data), new("b", MemberRole.Data)] }, "a", "b");
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        foreach (TestElections node in group.Nodes) node.Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        group["a"].Engine.SetServing(group.Now, 0);
        group.Run(50);
        group["a"].Store.Steps = 40;
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b11));
        group.Run(39);
        Assert.False(group["a"].Engine.SetIsCommitted(0));
        Assert.True(group.RunUntil(() => group["a"].Engine.SetIsCommitted(0), 30));
    }

    [Fact]
    public void A_set_that_is_not_stored_is_not_told_and_nothing_is_handed_over_meanwhile()
    {
        var group = new TestGroup(static options => options with { Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("c", MemberRole.Data)] }, "a", "b", "c");
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        foreach (TestElections node in group.Nodes) node.Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        group["a"].Engine.SetServing(group.Now, 0);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b111));
        group.Run(300);
        Assert.Null(group["a"].Engine.WhyNotTransferTo(0, NodeId.FromName("b")));
        SynchronisedSet told = group["a"].Says().Set;
        group["a"].Store.Steps = 40;
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        Assert.True(group["a"].Says().Set.IsSameAs(told));
        Assert.Contains("on its way", group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")), StringComparison.Ordinal);
        Assert.Equal("a", group.Primary());
        Assert.True(group.RunUntil(() => group["a"].Engine.SetIsCommitted(0), 100));
        Assert.True(group["b"].Says().Set.IsSameAs(group["a"].Says().Set));
    }
}

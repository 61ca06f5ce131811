using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>Planned hand-overs between a, b and the witness w (decision 0006): whom a service may be handed to, and what is prepared before.</summary>
public sealed class Handing_over
{
    [Fact]
    [Trait("Demand", "A2")]
    public void Nothing_is_handed_over_to_a_member_that_may_not_be_elected_yet()
    {
        TestGroup group = TestGroup.WithPrimary();
        group.Dead.Add("b");
        group.Run(50);
        group.Restart("b").Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        Timestamp started = group.Now;
        group.Run(40);

        Assert.Contains("started less than dead-after ago", group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")), StringComparison.Ordinal);
        Assert.Equal("a", group.Primary());
        group["a"].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: true, 1);
        Assert.True(group.RunUntil(() => group["a"].Events.Exists(static line => line == "wanted 0 Drained")), string.Join(", ", group["a"].Events));
        Assert.True(group.Now - started >= group["b"].Options.DeadAfter);
    }

    [Fact]
    [Trait("Demand", "A2")]
    public void A_hand_over_waits_for_nothing_and_closes_the_old_lease_first()
    {
        TestGroup group = TestGroup.WithPrimary();
        Assert.NotNull(group["b"].Engine.TransferTo(group.Now, 0, NodeId.FromName("a")));
        Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")));
        Assert.Equal("lost 0 1 HandedOver", group["a"].Events[^1]);
        Assert.False(group["a"].Engine.IsPrimary(0, group.Now));
        Timestamp begun = group.Now;
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
        Assert.InRange((group.Now - begun).TotalMilliseconds, 0, 5);
        Assert.Contains("elected 0 2 HandOver", group["b"].Events);
    }

    [Fact]
    [Trait("Demand", "A2")]
    public void A_prepared_hand_over_waits_for_no_disk_before_it_is_done_and_the_new_primary_may_acknowledge_at_once()
    {
        TestGroup group = TestGroup.WithPrimary();
        NodeId b = NodeId.FromName("b");
        group["a"].Engine.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => group["a"].Engine.IsPrepared(0), 5));
        Assert.True(group["a"].Engine.IsPrimary(0, group.Now));
        int[] writes = [.. group.Nodes.Select(static node => node.Store.Writes)];
        SynchronisedSet set = group["a"].Engine.SetOf(0);

        Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, b));
        Assert.True(group.RunUntil(() => group.Primary() == "b", 5));
        group.Run(2);
        Assert.Equal(writes, group.Nodes.Select(static node => node.Store.Writes));
        Assert.Equal(["elected 0 2 HandOver", $"set 0 {set.Number} {set.Members}"], group["b"].Events.TakeLast(2));
        Assert.False(group["a"].Engine.IsPrepared(0));

        Assert.True(group.RunUntil(() => group["b"].Engine.SetOf(0).Term == 2 && group["b"].Engine.SetIsCommitted(0), 500)); // stated again, when nobody waits for it
        Assert.Equal(set.Members, group["b"].Engine.SetOf(0).Members);
    }

    [Fact]
    public void A_nomination_is_over_with_the_next_proposal_and_its_set_is_not_taken_for_committed()
    {
        TestGroup group = TestGroup.WithPrimary();
        NodeId b = NodeId.FromName("b");
        group["a"].Engine.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => group["a"].Engine.IsPrepared(0), 5));
        group.Cut.UnionWith([("a", "b"), ("a", "w")]);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        Assert.False(group["a"].Engine.IsPrepared(0));
        group.Run(1);
        group["a"].Engine.Release(group.Now, 0);
        group.Dead.Add("a");
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
        Assert.Equal("elected 0 2 Ordinary", group["b"].Events[^1]); // no set is committed yet
    }

    [Fact]
    public void A_target_that_missed_the_proposal_of_a_newer_set_takes_the_one_of_its_nomination_for_void()
    {
        TestGroup group = TestGroup.WithPrimary(static options => options with { Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("w", MemberRole.Witness), new("c", MemberRole.Data)] });
        NodeId b = NodeId.FromName("b");
        ElectionEngine a = group["a"].Engine;
        group.Nodes.Add(new TestElections("c", group.Now, configure: group.Configure));
        group["c"].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        Assert.True(group.RunUntil(() => a.SetIsCommitted(0) && group["c"].Engine.PrimaryOf(0) == NodeId.FromName("a"), 500));
        a.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => a.IsPrepared(0), 5));

        group.Cut.UnionWith([("a", "b"), ("a", "w"), ("a", "c")]);
        Assert.Null(a.ProposeSynchronisedSet(group.Now, 0, 0b1011)); // c comes
        group.Run(1);
        Assert.Null(a.TransferTo(group.Now, 0, b));
        group.Cut.Clear();
        Assert.True(group.RunUntil(() => group.Primary() == "b", 10));
        Assert.Equal("elected 0 2 HandOver", group["b"].Events[^1]);
        Assert.False(group["b"].Engine.SetIsCommitted(0)); // c's disk, or a's, may hold the newer one
    }

    [Fact]
    public void A_hand_over_while_a_newer_set_is_not_committed_goes_to_members_of_both_sets_only_and_takes_neither_for_committed()
    {
        TestGroup group = TestGroup.WithPrimary(static options => options with
        {
            Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("w", MemberRole.Witness), new("c", MemberRole.Data), new("d", MemberRole.Data)],
        });
        NodeId b = NodeId.FromName("b"), c = NodeId.FromName("c");
        ElectionEngine a = group["a"].Engine;
        foreach (string name in new[] { "c", "d" }) group.Nodes.Add(new TestElections(name, group.Now, configure: group.Configure));
        foreach (string name in new[] { "c", "d" }) group[name].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        Assert.True(group.RunUntil(() => a.SetIsCommitted(0) && group["c"].Engine.PrimaryOf(0) == NodeId.FromName("a"), 500));
        a.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => a.IsPrepared(0), 5));

        foreach (string deaf in new[] { "w", "c", "d" }) group.Cut.Add((deaf, "a")); // nobody but b can say that it has stored it
        Assert.Null(a.ProposeSynchronisedSet(group.Now, 0, 0b1011)); // c comes
        Assert.False(a.IsPrepared(0));
        group.Run(30);
        Assert.False(a.SetIsCommitted(0));
        Assert.Contains("committed", a.TransferTo(group.Now, 0, c), StringComparison.Ordinal);
        Assert.True(a.IsPrimary(0, group.Now));

        group.Cut.Clear();
        Assert.Null(a.TransferTo(group.Now, 0, b));
        Assert.True(group.RunUntil(() => group.Primary() == "b", 10));
        Assert.Equal("elected 0 2 HandOver", group["b"].Events[^1]); // no set is committed in its term yet: it must not acknowledge
        Assert.False(group["b"].Engine.SetIsCommitted(0));
        Assert.True(group.RunUntil(() => group["b"].Engine.SetIsCommitted(0), 100));
        Assert.Equal(0b1011, group["b"].Engine.SetOf(0).Members); // the newest that anybody may have stored
    }

    [Fact]
    public void A_reserved_vote_outlives_a_disk_that_refused_to_write_meanwhile()
    {
        TestGroup group = TestGroup.WithPrimary();
        NodeId b = NodeId.FromName("b");
        group["a"].Engine.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => group["a"].Engine.IsPrepared(0), 5));
        group["a"].Engine.Nominate(group.Now, 0, NodeId.None);
        TestElections w = group.Restart("w");
        w.Store.IsFull = true;
        Assert.True(group.RunUntil(() => w.Engine.PrimaryOf(0) == NodeId.FromName("a"), 300));
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        Assert.True(group.RunUntil(() => w.Lines.Exists(static line => line.Contains("could not be stored", StringComparison.Ordinal)), 100));
        w.Store.IsFull = false;
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        Assert.True(group.RunUntil(() => w.Engine.SetOf(0).Members == 0b011 && group["a"].Engine.SetIsCommitted(0), 100));
        Assert.Equal((2u, b), (w.Store.Votes["shop"].ReservedTerm, w.Store.Votes["shop"].ReservedFor)); // an earlier life may have given it
    }

    [Fact]
    public void A_nomination_takes_nothing_from_the_primary_that_goes_on_nor_from_another_that_is_elected()
    {
        TestGroup group = TestGroup.WithPrimary();
        group["a"].Engine.Nominate(group.Now, 0, NodeId.FromName("b"));
        group.Run(50);
        group["a"].Engine.Nominate(group.Now, 0, NodeId.None);
        group.Restart("w"); // it binds itself to the primary again, whatever it has reserved
        Assert.True(group.RunUntil(() => group["w"].Engine.PrimaryOf(0) == NodeId.FromName("a"), 300));
        Assert.Equal(1u, group["w"].Engine.TermOf(0));
        group.Run(500);
        Assert.Equal("a", group.Primary());
        group.Dead.Add("a");
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
    }

    [Fact]
    public void Who_was_elected_on_a_reserved_vote_never_stands_in_that_term_again()
    {
        TestGroup group = TestGroup.WithPrimary();
        NodeId b = NodeId.FromName("b");
        group["a"].Engine.Nominate(group.Now, 0, b);
        Assert.True(group.RunUntil(() => group["a"].Engine.IsPrepared(0), 5));
        Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, b));
        Assert.True(group.RunUntil(() => group.Primary() == "b", 5));
        foreach (string name in new[] { "a", "b", "w" }) group.Restart(name); // before anything more is stored
        Assert.All(group.Nodes, static node => Assert.Equal(1u, node.Engine.TermOf(0)));
        Assert.True(group.RunUntil(() => group.Primary() is not null, 5000));
        Assert.True(group[group.Primary()!].Engine.TermOf(0) > 2);
    }

    [Fact]
    public void Nothing_is_handed_over_to_a_member_before_the_set_with_it_is_committed()
    {
        TestGroup group = TestGroup.WithPrimary(); // election seed 1472
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        group.Run(100);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        Assert.Contains("committed", group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")), StringComparison.Ordinal);
        group.Run(100);
        Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")));
    }

    [Fact]
    public void Nothing_is_handed_over_to_a_member_that_has_not_stored_the_set_with_it()
    {
        TestGroup group = TestGroup.WithPrimary(); // election seeds 4028 and 5530, without quorum
        NodeId b = NodeId.FromName("b");
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        group.Run(100);
        group.Cut.Add(("a", "b"));
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        Assert.True(group.RunUntil(() => group["a"].Engine.SetIsCommitted(0), 50)); // by a and w
        Assert.Contains("has not stored", group["a"].Engine.TransferTo(group.Now, 0, b), StringComparison.Ordinal);
        group.Cut.Clear();
        group.Run(50);
        Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, b));
        Assert.True(group.RunUntil(() => group.Primary() == "b", 10));
        Assert.Equal("elected 0 2 HandOver", group["b"].Events.FindLast(static line => line.StartsWith("elected", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_drained_primary_asks_for_a_hand_over()
    {
        TestGroup group = TestGroup.WithPrimary();
        group["a"].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: true, 1);
        Assert.True(group.RunUntil(() => group["a"].Events.Contains("wanted 0 Drained"), 300));
    }
}

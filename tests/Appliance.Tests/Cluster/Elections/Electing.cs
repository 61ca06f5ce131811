using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Elections;

/// <summary>Elections of a, b and the witness w (ARCHITECTURE 6). What may go wrong at the same time is the simulation's.</summary>
public sealed class Electing
{
    [Fact]
    [Trait("Demand", "E6")]
    public void A_first_start_elects_the_first_member_soon_and_says_that_it_is_cold()
    {
        var group = new TestGroup();
        Assert.True(group.RunUntil(() => group.Primary() is not null, 250));
        Assert.Equal("a", group.Primary());
        Assert.Contains("elected 0 1 ColdStart", group["a"].Events);
        Assert.Contains(group["a"].Lines, static line => line.Contains("cold start", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Demand", "E6")]
    public void A_dead_primary_is_replaced_within_dead_after_and_five_milliseconds()
    {
        TestGroup group = TestGroup.WithPrimary();
        group.Dead.Add("a");
        Timestamp died = group.Now;
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
        Assert.InRange((group.Now - died).TotalMilliseconds, 180, 205);
        Assert.Contains("elected 0 2 Ordinary", group["b"].Events);
    }

    [Fact]
    [Trait("Demand", "A16")]
    public void Services_that_are_free_at_one_time_are_shared_by_the_members()
    {
        var group = new TestGroup(static options => options with { Services = [new ElectionService { Name = "shop" }, new ElectionService { Name = "tunnel" }] });
        Assert.True(group.RunUntil(() => group.Primary(0) is not null && group.Primary(1) is not null));
        Assert.NotEqual(group.Primary(0), group.Primary(1));
    }

    [Fact]
    public void The_preferred_member_is_elected_and_priority_goes_before_preference()
    {
        var preferred = new TestGroup(static options => options with { Services = [new ElectionService { Name = "shop", Preferred = NodeId.FromName("b") }] });
        Assert.True(preferred.RunUntil(() => preferred.Primary() == "b"));
        var higher = new TestGroup(static options => options with { Services = [new ElectionService { Name = "shop", Preferred = NodeId.FromName("b"), Priority = (byte)(options.Name == "a" ? 101 : 100) }] });
        Assert.True(higher.RunUntil(() => higher.Primary() == "a"));
    }

    [Fact]
    public void A_primary_that_hears_no_majority_stops_before_another_may_act()
    {
        TestGroup group = TestGroup.WithPrimary();
        foreach (string other in new[] { "b", "w" })
        {
            group.Cut.Add(("a", other));
            group.Cut.Add((other, "a"));
        }
        Assert.True(group.RunUntil(() => group["a"].Events.Contains("lost 0 1 Expired"), 160));
        Assert.DoesNotContain(group["b"].Events, static line => line.StartsWith("elected 0", StringComparison.Ordinal));
        Assert.True(group.RunUntil(() => group.Primary() == "b", 100));
        uint term = group["a"].Engine.TermOf(0);
        group.Run(3000);
        Assert.Equal(term, group["a"].Engine.TermOf(0));                   // the pre-vote: alone it uses up no terms
    }

    // Of two that stand at one time the one that loses may do so in the later term: election seed 609.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Demand", "E6")]
    public void A_voter_that_has_voted_in_a_later_term_is_brought_back_by_a_hand_over_or_else_by_an_election(bool handsOver)
    {
        TestGroup group = TestGroup.WithPrimary();
        group["w"].Store.Votes["shop"] = group["w"].Store.Votes["shop"] with { Term = 3, VotedFor = NodeId.FromName("w") };
        group.Restart("w");
        Assert.True(group.RunUntil(() => group["a"].Events.Contains("wanted 0 LaterTerm"), 500));
        Assert.Equal(NodeId.None, group["w"].Engine.PrimaryOf(0));
        Assert.Contains(group["a"].Lines, static line => line.Contains("w has voted in a later term than 1 and cannot follow", StringComparison.Ordinal));

        if (handsOver) Assert.Null(group["a"].Engine.TransferTo(group.Now, 0, NodeId.FromName("b")));
        else Assert.True(group.RunUntil(() => group["a"].Events.Contains("lost 0 1 Released"), 2100));

        Assert.True(group.RunUntil(() => group.Primary() == "b" && group.Nodes.All(static node => node.Engine.PrimaryOf(0) == NodeId.FromName("b")), 100));
        Assert.Contains($"elected 0 4 {(handsOver ? "HandOver" : "Ordinary")}", group["b"].Events);
    }

    [Fact]
    [Trait("Demand", "E6")]
    public void A_loss_accepted_at_one_member_counts_with_those_who_know_of_a_later_term()
    {
        var group = new TestGroup(static options => options with { Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("c", MemberRole.Data)] }, "a", "b", "c");
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        foreach (TestElections node in group.Nodes) node.Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        group["a"].Engine.SetServing(group.Now, 0);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b111));
        group.Run(100);
        group.Dead.Add("b"); // it does not hear of the second term
        group["a"].Engine.Release(group.Now, 0);
        Assert.True(group.RunUntil(() => group.Primary() is not null && group["c"].Engine.TermOf(0) == 2));
        string primary = group.Primary()!, other = primary == "a" ? "c" : "a";
        Assert.Null(group[primary].Engine.ProposeSynchronisedSet(group.Now, 0, 0b101)); // without b
        group.Run(100);
        group.Dead.UnionWith(["a", "c"]);
        group.Dead.Remove("b");
        group.Run(500);
        group.Restart(other); // with empty memory; the primary stays away
        group.Run(500);
        Assert.Equal(1u, group["b"].Engine.TermOf(0));
        Assert.Null(group.Primary());

        group["b"].Engine.AcceptLoss(group.Now, 0);

        Assert.True(group.RunUntil(() => group.Primary() == "b", 500), group["b"].Engine.Describe(0));
        Assert.Contains("elected 0 3 WithLoss", group["b"].Events);
    }

    [Fact]
    public void While_any_voter_hears_the_primary_nobody_takes_over()
    {
        TestGroup group = TestGroup.WithPrimary();
        group.Cut.Add(("a", "b"));
        group.Run(2000);
        Assert.Equal("a", group.Primary());
    }

    [Fact]
    public void A_member_outside_the_committed_set_is_not_elected()
    {
        TestGroup group = TestGroup.WithPrimary();
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        Assert.DoesNotContain("set 0 3 1", group["a"].Events);              // proposed is not committed
        Assert.True(group.RunUntil(() => group["a"].Events.Contains("set 0 3 1"), 100));
        group.Dead.Add("a");
        group.Run(5000);
        Assert.Null(group.Primary());
        Assert.Contains(group["b"].Lines, static line => line.Contains("on-loss", StringComparison.Ordinal));
        group.Restart("w");                                                 // the witness remembers it
        group.Run(5000);
        Assert.Null(group.Primary());
        group["b"].Engine.AcceptLoss(group.Now, 0);
        Assert.True(group.RunUntil(() => group.Primary() == "b")); // its beats tell the witness
        Assert.Contains("elected 0 2 WithLoss", group["b"].Events);
        Assert.Contains(group["b"].Lines, static line => line.Contains("that only a held are lost", StringComparison.Ordinal));
    }

    [Fact]
    public void A_loss_that_was_accepted_long_ago_is_not_accepted_any_more()
    {
        TestGroup group = TestGroup.WithPrimary();
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        group.Run(100);
        group.Dead.Add("a");
        group.Dead.Add("w");
        group.Run(1000);
        Assert.Contains("1 of 3 voters", group["b"].Engine.WhyNotAcceptLoss(0), StringComparison.Ordinal);
        group["b"].Engine.AcceptLoss(group.Now, 0);
        group.Run((int)ElectionEngine.LossAcceptedFor.TotalMilliseconds);
        group.Dead.Remove("w");
        group.Run(3000);
        Assert.Null(group.Primary());
        Assert.Contains("waits for a", group["b"].Engine.Describe(0), StringComparison.Ordinal);
        Assert.Null(group["b"].Engine.WhyNotAcceptLoss(0));
    }

    [Fact]
    public void A_loss_that_was_accepted_before_a_primary_was_elected_is_not_accepted_after_it()
    {
        TestGroup group = TestGroup.WithPrimary();
        group.Cut.UnionWith([("b", "a"), ("a", "b"), ("w", "b"), ("b", "w")]);
        group.Run(500);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        group.Run(100);
        group["b"].Engine.AcceptLoss(group.Now, 0); // cut off, where nobody else hears of it
        group["a"].Engine.Release(group.Now, 0);
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        group.Dead.Add("a");
        group.Cut.Clear();
        group.Run(3000);
        Assert.Null(group.Primary());
    }

    [Fact]
    public void A_member_is_counted_only_by_a_primary_that_is_there_and_has_it_in_its_set()
    {
        TestGroup group = TestGroup.WithPrimary();
        NodeId b = NodeId.FromName("b");
        Assert.True(group["b"].Engine.Counts(0, b) && group["w"].Engine.Counts(0, b));
        group.Cut.UnionWith([("b", "a"), ("a", "b")]);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b001));
        group.Run(500);
        Assert.False(group["b"].Engine.Counts(0, b));
        group.Cut.Clear();
        Assert.True(group.RunUntil(() => group["b"].Engine.PrimaryOf(0) != NodeId.None));
        Assert.False(group["b"].Engine.Counts(0, b));
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b011));
        Assert.True(group.RunUntil(() => group["b"].Engine.Counts(0, b) && group["w"].Engine.Counts(0, b)));
    }

    [Fact]
    public void A_group_whose_other_members_forgot_waits_for_the_one_that_remembers()
    {
        TestGroup group = TestGroup.WithPrimary();
        group.Run(100);
        group.Dead.Add("a");
        group.Restart("b"); // with empty memory; the witness and it are a majority
        group.Run(5000);
        Assert.Null(group.Primary());
        group.Dead.Remove("a");
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        Assert.Equal(["elected 0 1 ColdStart"], group.Nodes.SelectMany(static node => node.Events).Where(static line => line.Contains("ColdStart", StringComparison.Ordinal)));
    }

    [Fact]
    public void On_loss_serve_goes_on_with_what_is_there_and_reports_it()
    {
        TestGroup group = TestGroup.WithPrimary(static options => options with { Services = [new ElectionService { Name = "shop", OnLoss = OnLoss.Serve, OnLossAfter = TimeSpan.FromSeconds(2) }] });
        group["b"].Engine.SetReadiness(group.Now, 0, synchronised: false, healthy: true, drained: false, 0);
        group.Run(100);
        group.Dead.Add("a");
        group.Run(1900);
        Assert.Null(group.Primary());
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
        Assert.Contains("elected 0 2 WithLoss", group["b"].Events);
    }

    [Fact]
    [Trait("Demand", "E6")]
    public void Voters_that_know_different_sets_elect_by_the_newest_once_the_loss_is_accepted()
    {
        var group = new TestGroup(static options => options with { Members = [new("a", MemberRole.Data), new("b", MemberRole.Data), new("c", MemberRole.Data), new("w", MemberRole.Witness)] }, "a", "b", "c", "w");
        NodeId a = NodeId.FromName("a"), b = NodeId.FromName("b"), c = NodeId.FromName("c");
        foreach (string name in new[] { "a", "b", "c", "w" })
        {
            group[name].Store.Votes["shop"] = name is "b" or "c" ? new VoteRecord(3, NodeId.None, 3, 2, [b, c]) : new VoteRecord(3, NodeId.None, 3, 1, [a, c]);
            group.Restart(name).Engine.SetReadiness(group.Now, 0, synchronised: name is "a" or "b", healthy: true, drained: false, 1); // c held everything, and has lost it
        }
        group.Run(2000);
        Assert.Null(group.Primary());
        group["w"].Engine.AcceptLoss(group.Now, 0);
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
        Assert.Contains(group["b"].Events, static line => line.StartsWith("elected 0", StringComparison.Ordinal) && line.EndsWith("WithLoss", StringComparison.Ordinal));
    }

    [Fact]
    public void A_vote_that_cannot_be_stored_is_not_given()
    {
        TestGroup group = TestGroup.WithPrimary();
        group["w"].Store.IsFull = true;
        group.Dead.Add("a");
        group.Run(2000);
        Assert.Null(group.Primary());
        Assert.Equal(BeatExtension.NoSlot, group["w"].Says().Bound);
        Assert.Contains(group["w"].Lines, static line => line.Contains("No space left on device", StringComparison.Ordinal));
        group["w"].Store.IsFull = false;
        Assert.True(group.RunUntil(() => group.Primary() == "b"));
    }

    [Fact]
    public void Voters_with_other_settings_refuse_each_other_in_one_sentence()
    {
        var group = new TestGroup(static options => options with { ConfigurationDigest = options.Name == "w" ? 2UL : 1UL });
        group.Dead.Add("b");
        group.Run(2000);
        Assert.Null(group.Primary());
        Assert.Single(group["a"].Lines, static line => line.Contains("w has other group-wide settings", StringComparison.Ordinal));
    }

    [Fact]
    public void Members_come_and_go_one_at_a_time()
    {
        TestGroup group = TestGroup.WithPrimary();
        int service = group["a"].Engine.GroupService;
        TestElections owner = group[group.Primary(service)!];
        Assert.True(group.RunUntil(() => owner.Engine.ViewIsCommitted));
        uint number = owner.Engine.View.Number;
        Assert.NotNull(group.Nodes.First(node => node != owner).Engine.AddMember(group.Now, NodeId.FromName("c"), SlotRole.Data));
        Assert.Null(owner.Engine.AddMember(group.Now, NodeId.FromName("c"), SlotRole.Data));
        Assert.NotNull(owner.Engine.AddMember(group.Now, NodeId.FromName("d"), SlotRole.Data));
        Assert.True(group.RunUntil(() => owner.Events.Contains($"view {number + 1} committed"), 500));
        Assert.All(group.Nodes, static node => Assert.Equal(4, int.PopCount(node.Engine.View.Voters)));
        Assert.NotNull(owner.Engine.RemoveMember(group.Now, NodeId.FromName("b")));     // in the synchronised set
        Assert.Null(owner.Engine.RemoveMember(group.Now, NodeId.FromName("c")));
        Assert.True(group.RunUntil(() => owner.Events.Contains($"view {number + 2} committed"), 500));
        Assert.Equal(new TestElections("w", group.Now, group["w"].Store).Engine.View.ContentHash, owner.Engine.View.ContentHash);
    }

    [Fact]
    public void Two_voters_without_a_witness_are_refused()
    {
        ElectionOptions two = TestElections.Default with { Members = [new("a", MemberRole.Data), new("b", MemberRole.Data)] };
        Assert.Contains("add a witness", Assert.Single(two.Validate()), StringComparison.Ordinal);
        Assert.Empty((two with { Quorum = false }).Validate());
    }

    [Fact]
    public void Without_a_quorum_each_of_two_separated_nodes_acts_and_one_gives_way()
    {
        var group = new TestGroup(static options => options with { Quorum = false, Members = [new("a", MemberRole.Data), new("b", MemberRole.Data)] }, "a", "b");
        Assert.True(group.RunUntil(() => group.Primary() == "a"));
        group["a"].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        group["b"].Engine.SetReadiness(group.Now, 0, synchronised: true, healthy: true, drained: false, 1);
        Assert.Null(group["a"].Engine.ProposeSynchronisedSet(group.Now, 0, 0b11));
        Assert.True(group.RunUntil(() => group["b"].Engine.SetOf(0).Members == 0b11));
        Assert.Contains(group["a"].Lines, static line => line.Contains("quorum = off", StringComparison.Ordinal));
        group.Cut.Add(("a", "b"));
        group.Cut.Add(("b", "a"));
        Assert.True(group.RunUntil(() => group["b"].Engine.IsPrimary(0, group.Now)));
        Assert.True(group["a"].Engine.IsPrimary(0, group.Now));
        group.Cut.Clear();
        Assert.True(group.RunUntil(() => group["a"].Events.Contains("lost 0 1 Superseded")));
        Assert.Equal("b", group.Primary());
    }

    [Fact]
    public void Steady_state_allocates_nothing()
    {
        TestGroup group = TestGroup.WithPrimary();
        byte[] claim = group["a"].Extension;
        NodeId a = NodeId.FromName("a");
        var engine = new ElectionEngine(TestElections.Default with { Name = "b" }, new TestVoteStore(), new Nobody(), group.Now);
        Timestamp now = group.Now + TimeSpan.FromSeconds(1);
        void Beats(int count)
        {
            for (int i = 0; i < count; i++)
            {
                now += TimeSpan.FromMilliseconds(5);
                engine.OnBeat(now, a, 1, now, (ulong)now.Nanoseconds, (ulong)now.Nanoseconds, claim);
                if (engine.NextDeadline <= now) engine.OnTick(now);
            }
        }

        Beats(2000);
        Assert.Equal(a, engine.PrimaryOf(0));
        Assert.Equal(0, Allocated.Least(() => Beats(2000)));
    }

    private sealed class Nobody : IElectionSink
    {
        public void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) { }
        public void OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind) { }
        public void OnLease(int service, uint term, Timestamp until) { }
        public void OnLost(int service, uint term, LeaseLoss why) { }
        public void OnPrimary(int service, NodeId primary, uint term) { }
        public void OnSynchronisedSet(int service, SynchronisedSet set) { }
        public void OnView(GroupView view, bool isCommitted) { }
        public void OnHandOverWanted(int service, NodeId target, HandOverReason why) { }
        public void Log(ElectionEvent kind, string text) { }
    }
}

using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Secondaries that become primaries, and primaries that become secondaries (ARCHITECTURE 6, takeover order; 3, the cut).</summary>
public sealed class PromotionTests
{
    [Fact, Trait("Demand", "A2")]
    public void A_promoted_secondary_that_has_everything_serves_after_one_round_of_messages_and_no_connection()
    {
        using MirrorCluster group = Group();
        for (int i = 0; i < 100; i++) group["a"].Set($"k{i}", "v");
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["b"]);
        int connections = group.OpenedChannels;
        group.Kill("a");
        FakeNode b = group.Elect("b", 2);
        Assert.Equal(WriteRefusal.Recovering, b.Store.CheckWrite("k"u8, 1));
        group.Run(3); // the question, the answer, the cut: a message takes a millisecond here
        Assert.Equal("serving 2", b.Roles.Told[0]);
        Assert.Equal(before, MirrorCluster.Dump(b));
        b.Set("k", "term 2");
        group.RunUntilQuiet();
        Assert.Equal("term 2", group["c"].Get("k"));
        Assert.Equal(connections, group.OpenedChannels);
        Assert.Equal(0, group["c"].Mirror.Counters.Discarded);
        Assert.DoesNotContain(group["c"].Events, static one => one.Text.Contains("not synchronised:", StringComparison.Ordinal));
        group.AssertAlike();
    }

    [Fact]
    public void A_member_that_was_silent_before_the_election_is_not_awaited_though_the_group_does_not_suspect_it_yet()
    {
        using MirrorCluster group = Group();
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
        group.KillUnnoticed("a");
        group.Run(150); // three quarters of dead-after
        FakeNode b = group.Elect("b", 2);
        group.Run(3); // the question, the answer, the cut
        Assert.Equal("serving 2", b.Roles.Told[0]);
        Assert.Equal("bought", b.Get("cart:1"));
        Assert.False(b.Said(MirrorEvent.Lost, ""));
    }

    [Fact]
    public void A_member_that_was_heard_a_moment_ago_is_awaited_until_the_deadline()
    {
        using MirrorCluster group = Group();
        group.KillUnnoticed("a");
        FakeNode b = group.Elect("b", 2);
        group.Run(45);
        Assert.Equal(ServiceRole.Recovering, b.Service.Role);
        group.Run(10);
        Assert.Equal(ServiceRole.Primary, b.Service.Role);
    }

    [Fact]
    public void However_silent_the_others_are_nothing_is_served_before_enough_of_them_have_answered()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.KillUnnoticed("a");
        group.KillUnnoticed("c");
        group.Run(1000);
        FakeNode b = group.Elect("b", 2);
        group.Run(30_000);
        Assert.Equal(ServiceRole.Recovering, b.Service.Role);
        Assert.True(b.Said(MirrorEvent.NotSynchronised, "cannot serve in term 2 without losing acknowledged writes"));
    }

    [Fact]
    public void A_promoted_secondary_fetches_what_only_another_survivor_has()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "old");
        group.RunUntilQuiet();
        group.Hold("a", "b");
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "c has acknowledged it");
        group.Kill("a");
        group.Release("a", "b");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Equal("bought", b.Get("cart:1"));
        group.RunUntilQuiet();
        Assert.Equal(1, b.Mirror.Counters.DeltaSnapshots);
        Assert.False(b.Said(MirrorEvent.Lost, ""));
        group.AssertAlike();
    }

    [Fact]
    public void Two_promotions_in_a_row_keep_everything_that_was_acknowledged()
    {
        using MirrorCluster group = Group();
        ulong term = 1;
        foreach (string next in new[] { "b", "c", "a", "b" })
        {
            FakeNode old = group.Primary!;
            ulong ticket = old.Set($"cart:{term}", $"in term {term}");
            old.Set($"k{term}", $"in term {term}");
            group.RunUntil(() => old.Store.ResolvedThrough >= ticket, "it is acknowledged");
            group.Kill(old.Name);
            FakeNode primary = group.Elect(next, ++term);
            group.RunUntil(() => primary.Service.Role == ServiceRole.Primary, $"{next} serves");
            for (ulong earlier = 1; earlier < term; earlier++) Assert.Equal($"in term {earlier}", primary.Get($"cart:{earlier}"));
            group.Start(old.Name);
            group.RunUntilQuiet();
            group.AssertAlike();
        }
        Assert.All(group.Alive, static node => Assert.Equal(0, node.Mirror.Counters.UnsafeRecoveries));
    }

    [Fact]
    public void A_primary_that_dies_before_its_cut_arrives_anywhere_is_followed_by_another()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Elect("b", 2);
        group.Run(2);
        group.Hold("b", "c");
        group.RunUntil(() => group["b"].Service.Role == ServiceRole.Primary, "b serves");
        group.Kill("b");
        group.Release("b", "c");
        group.Start("a");
        group.Run(100);
        FakeNode c = group.Elect("c", 3);
        c.Mirror.AcceptLoss("demo"); // of two that remembered a promise one is gone
        group.RunUntil(() => c.Service.Role == ServiceRole.Primary, "c serves");
        group.RunUntilQuiet();
        Assert.Equal("v", group["a"].Get("k"));
        group.AssertAlike();
    }

    [Fact]
    public void A_promotion_stops_a_resynchronisation_and_completes_it_from_the_survivors()
    {
        using MirrorCluster group = Group();
        for (int i = 0; i < 3000; i++) group["a"].Set($"key:{i}", new string('v', 500));
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["c"]);
        group.Kill("b");
        group.MessagesPerMillisecond = 1;
        FakeNode b = group.Start("b");
        group.RunUntil(() => StateMirror.DoingFor(b.Service).StartsWith("fetching", StringComparison.Ordinal) && b.Store.KeyCount > 100, "b fetches");
        group.Kill("a");
        group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Equal(before, MirrorCluster.Dump(b));
        Assert.False(b.Said(MirrorEvent.Lost, "")); // the set that was committed while b was away was a and c
        group.Start("a");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void When_too_few_members_remember_it_waits_and_serves_only_when_the_loss_is_accepted()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Kill("c"); // with a: nobody commits a smaller set
        FakeNode b = group.Elect("b", 2);
        group.Run(30_000);
        Assert.Equal(ServiceRole.Recovering, b.Service.Role);
        Assert.True(b.Said(MirrorEvent.NotSynchronised, "cannot serve in term 2 without losing acknowledged writes"));
        Assert.Contains("1 of 3 data members", b.Mirror.ReadStatus()[0].Why, StringComparison.Ordinal);
        b.Mirror.AcceptLoss("demo");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Equal(1, b.Mirror.Counters.UnsafeRecoveries);
        Assert.True(b.Said(MirrorEvent.Lost, "only 1 of 3"));
        Assert.Equal("v", b.Get("k"));
    }

    [Fact]
    public void A_member_that_answered_and_is_gone_with_what_only_it_holds_does_not_count()
    {
        using MirrorCluster group = new(
            static options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 2, WhenShort.Refuse, "cart:*")] }), "a", "b", "c", "d");
        group.RunUntilQuiet();
        group.Hold("a", "b");
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "c and d have acknowledged it");
        group.Kill("a");
        group.Release("a", "b");
        group.Hold("d", "b"); // alive and silent: b waits for it
        FakeNode b = group.Elect("b", 2);
        group.Run(5);
        group.Cut("b", "c");
        group.Run(200);
        Assert.Equal(ServiceRole.Recovering, b.Service.Role);
        Assert.Contains("1 of 4 data members", b.Mirror.ReadStatus()[0].Why, StringComparison.Ordinal);
        group.Heal("b", "c");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Equal("bought", b.Get("cart:1"));
        Assert.False(b.Said(MirrorEvent.Lost, ""));
    }

    [Fact]
    public void A_member_that_answered_counts_after_its_death_if_others_have_as_much()
    {
        using MirrorCluster group = new(
            static options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 2, WhenShort.Refuse, "cart:*")] }), "a", "b", "c", "d");
        group["a"].Set("cart:1", "bought");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Hold("d", "b");
        FakeNode b = group.Elect("b", 2);
        group.Run(5);
        group.Cut("b", "c");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves", 200);
        Assert.Equal("bought", b.Get("cart:1"));
        Assert.False(b.Said(MirrorEvent.Lost, ""));
    }

    [Fact]
    public void Another_secondary_that_resynchronises_meanwhile_ends_in_step_with_the_new_primary()
    {
        using MirrorCluster group = Group("a", "b", "c", "d");
        for (int i = 0; i < 3000; i++) group["a"].Set($"key:{i}", new string('v', 500));
        group.RunUntilQuiet();
        group.Kill("d");
        group.MessagesPerMillisecond = 1;
        FakeNode d = group.Start("d");
        group.RunUntil(() => StateMirror.DoingFor(d.Service).StartsWith("fetching", StringComparison.Ordinal) && d.Store.KeyCount > 100, "d fetches");
        group.Kill("a");
        group.Elect("b", 2);
        group.RunUntil(() => group["b"].Service.Role == ServiceRole.Primary, "b serves");
        for (int i = 0; i < 50; i++) group["b"].Set($"key:{i * 7}", "term 2");
        Assert.False(d.Group.Synchronised);
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void Waiting_writes_are_failed_when_the_lease_is_lost_and_a_later_term_does_not_resolve_them()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group.Hold("a", "c");
        ulong resolvedAtLoss = 0;
        var observer = new RoleObserver(() => resolvedAtLoss = a.Store.ResolvedThrough);
        a.Store.Subscribe(observer);
        ulong ticket = a.Set("cart:1", "pending");
        group.Run(2);
        a.Mirror.Abdicate("demo", 2, "b");
        Assert.Equal(1, observer.Changes);
        Assert.True(resolvedAtLoss < ticket, "the write looked acknowledged when the role ended");
        Assert.False(a.Store.IsPrimary);
        Assert.Equal("b", a.Store.PrimaryName);
        Assert.Equal(2UL, a.Mirror.SeenTermOf("demo"));
        Assert.Equal(0, a.Service.Publisher.Pending);
    }

    [Fact]
    public void Of_two_promotions_the_higher_term_serves()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        FakeNode b = group.Elect("b", 2), c = group.Elect("c", 3);
        group.RunUntilQuiet();
        Assert.Equal(ServiceRole.Primary, c.Service.Role);
        Assert.Equal(ServiceRole.Secondary, b.Service.Role);
        Assert.Equal("c", b.Store.PrimaryName);
        Assert.DoesNotContain("serving 2", b.Roles.Told);
        Assert.Contains(b.Roles.Told, static told => told is "stood down 3" or "too low 2 3");
        group.AssertAlike();
    }

    [Fact]
    public void A_term_that_others_have_passed_is_refused_with_the_one_they_know()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group["c"].Service.Promise(9);
        group.Kill("a");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Roles.Told.Count > 0, "b is told");
        Assert.Equal("too low 2 9", b.Roles.Told[0]);
        Assert.Equal(ServiceRole.Secondary, b.Service.Role);
        group.Elect("b", 10);
        group.RunUntilQuiet();
        Assert.Equal(10UL, b.Store.Term);
        group.AssertAlike();
    }

    [Fact]
    public void A_primary_elected_in_a_higher_term_takes_over_from_one_that_serves()
    {
        using MirrorCluster group = Group();
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Contains("stood down 2", group["a"].Roles.Told);
        Assert.Equal(WriteRefusal.NotPrimary, group["a"].Store.CheckWrite("k"u8, 1));
        b.Set("k", "term 2");
        group.RunUntilQuiet();
        Assert.Equal("bought", group["a"].Get("cart:1"));
        group.AssertAlike();
    }

    [Fact]
    public void Everyone_restarted_is_a_cold_start_whatever_the_term()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        foreach (string name in new[] { "a", "b", "c" }) group.Kill(name);
        foreach (string name in new[] { "a", "b", "c" }) group.Start(name);
        group.Run(50);
        FakeNode c = group.Elect("c", 5);
        group.RunUntilQuiet();
        Assert.True(c.Said(MirrorEvent.ColdStart, "cold start"));
        Assert.Equal(5UL, c.Store.Term);
        Assert.Null(c.Get("k"));
        group.AssertAlike();
    }

    internal static MirrorCluster Group(params string[] names) =>
        new(static options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")] }), names.Length == 0 ? ["a", "b", "c"] : names);

    private sealed class RoleObserver(Action changed) : IStoreObserver
    {
        internal int Changes { get; private set; }

        public void OnResolved()
        {
        }

        public void OnWritable()
        {
        }

        public void OnRoleChanged()
        {
            Changes++;
            changed();
        }
    }
}

using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>The committed set of synchronised members decides whose acknowledgement counts and who is asked at a takeover: the two must never differ (ARCHITECTURE 3, step 5).</summary>
public sealed class SynchronisedSetTests
{
    [Fact]
    public void A_member_that_is_not_committed_acknowledges_nothing()
    {
        using MirrorCluster group = Group(1, WhenShort.Refuse);
        FakeNode a = group["a"];
        group.Kill("c");
        group.RunUntil(() => group.Committed.Count == 2, "a and b are committed");
        a.Roles.Commits = false;
        group.Start("c");
        group.RunUntil(() => a.Roles.Told[^1] == "set a b c", "c is synchronised, but not committed");
        group.Hold("a", "b");
        ulong ticket = a.Set("cart:1", "bought");
        group.Run(500);
        Assert.Equal("bought", group["c"].Get("cart:1"));
        Assert.True(a.Store.ResolvedThrough < ticket, "c alone has acknowledged it, and whoever takes over would not ask c");
        a.Roles.Commit();
        group.RunUntil(() => a.Store.ResolvedThrough >= ticket, "c counts now");
        group.Kill("a");
        group.Release("a", "b");
        group.Elect("b", 2);
        group.RunUntilQuiet();
        Assert.Equal("bought", group["b"].Get("cart:1"));
        group.AssertAlike();
    }

    [Fact]
    public void A_lone_survivor_answers_short_only_after_the_smaller_set_is_committed()
    {
        using MirrorCluster group = Group(1, WhenShort.Accept);
        FakeNode a = group["a"];
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        a.Roles.Commits = false;
        group.Kill("b");
        group.Kill("c");
        ulong ticket = a.Set("cart:1", "bought");
        group.Run(1000);
        Assert.True(a.Store.ResolvedThrough < ticket, "b or c could be elected without it");
        Assert.Equal("set a c", a.Roles.Told[^1]); // b died first
        a.Roles.Commit();
        group.Run(100);
        Assert.Equal("set a", a.Roles.Told[^1]);
        Assert.True(a.Store.ResolvedThrough < ticket, "c could be elected without it");
        a.Roles.Commit();
        Assert.True(a.Store.ResolvedThrough >= ticket, "nobody else can be elected");
        Assert.Equal(1, a.Service.Publisher.AcceptedShort);
    }

    [Fact]
    public void Who_must_not_be_elected_is_told_before_anything_is_answered_without_it()
    {
        using MirrorCluster group = Group(2, WhenShort.Accept);
        FakeNode a = group["a"];
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        group.Kill("c");
        ulong ticket = a.Set("cart:1", "bought");
        group.RunUntil(() => a.Store.ResolvedThrough >= ticket, "b alone has acknowledged it");
        Assert.Equal(["a", "b"], group.Committed.Order());
        group.Kill("a");
        group.Start("c");
        group.Run(20);
        FakeNode b = group.Elect("b", 2);
        group.RunUntilQuiet();
        Assert.Equal("bought", b.Get("cart:1"));
        Assert.False(b.Said(MirrorEvent.Lost, ""));
        group.AssertAlike();
    }

    [Fact]
    public void A_member_is_proposed_only_when_it_has_all_that_was_resolved_before()
    {
        using MirrorCluster group = Group(1, WhenShort.Refuse);
        FakeNode a = group["a"];
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        group.Hold("a", "b");
        ulong ticket = a.Set("cart:1", "bought");
        group.RunUntil(() => a.Store.ResolvedThrough >= ticket, "c has acknowledged it");
        group.Kill("c");
        group.Run(100);
        Assert.Equal(3, group.Committed.Count); // b lacks it: without c, a takeover by b would overlook it
        group.Release("a", "b");
        group.RunUntil(() => group.Committed.Count == 2, "b has it");
        group.Kill("a");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves alone", 100);
        Assert.Equal("bought", b.Get("cart:1"));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Nothing_is_acknowledged_in_a_term_in_which_no_set_is_committed(bool early)
    {
        using MirrorCluster group = Group(1, WhenShort.Accept);
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        group.RunUntilQuiet();
        group.Kill("a");
        FakeNode b = group["b"];
        b.Roles.Commits = false;
        group.Elect("b", 2);
        if (early) b.Mirror.CommitSynchronised("demo", ["a", "b", "c"]); // before it has even collected
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        ulong ticket = b.Set("cart:1", "bought");
        group.Run(1000);
        Assert.Equal(early, b.Store.ResolvedThrough >= ticket);
        b.Roles.Commit();
        group.Run(2);
        Assert.True(b.Store.ResolvedThrough >= ticket, "c has acknowledged it");
    }

    [Fact]
    public void Who_is_no_data_member_any_more_leaves_the_set_and_who_comes_joins_it()
    {
        using MirrorCluster group = Group(1, WhenShort.Refuse);
        FakeNode a = group["a"];
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        a.Mirror.UseDataMembers(["a", "b"]);
        group.Run(5);
        Assert.Equal(["a", "b"], group.Committed.Order());
        a.Mirror.UseDataMembers(["a", "b", "c"]);
        group.Run(5);
        Assert.Equal(["a", "b", "c"], group.Committed.Order());
    }

    [Fact]
    public void One_change_is_committed_before_the_next_is_announced()
    {
        using MirrorCluster group = Group(1, WhenShort.Refuse);
        FakeNode a = group["a"];
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        a.Roles.Commits = false;
        group.Kill("c");
        group.RunUntil(() => a.Roles.Told[^1] == "set a b", "the smaller set is announced");
        group.Kill("b");
        group.Run(1000);
        Assert.Equal("set a b", a.Roles.Told[^1]);
        a.Roles.Commit();
        group.Run(5);
        Assert.Equal("set a", a.Roles.Told[^1]);
    }

    private static MirrorCluster Group(int acks, WhenShort whenShort) =>
        new(options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, acks, whenShort, "cart:*")] }), "a", "b", "c");
}

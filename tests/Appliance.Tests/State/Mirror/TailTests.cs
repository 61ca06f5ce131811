using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>What a term wrote and its successor never had: it is gone everywhere, as a whole, and does not come back (ARCHITECTURE 3, the cut).</summary>
public sealed class TailTests
{
    [Theory, InlineData(false), InlineData(true)]
    public void A_stale_primary_comes_back_as_a_secondary_and_its_tail_is_gone_everywhere(bool restarted)
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "old");
        group["a"].SetField("h", "f", "old");
        group["a"].Set("deleted", "old");
        group.RunUntilQuiet();
        FakeNode a = group["a"];
        group.Cut("a", "b");
        group.Cut("a", "c");
        a.Set("k", "tail");
        a.Set("new", "tail");
        a.SetField("h", "f", "tail");
        a.Delete("deleted");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        b.Set("other", "term 2");
        group.Run(20);
        Assert.Equal(ServiceRole.Primary, a.Service.Role); // nobody could tell it; in the product its lease is over
        if (restarted)
        {
            group.Kill("a");
            a = group.Start("a");
        }
        else
        {
            a.Mirror.LoseLease("demo");
            Assert.Equal(WriteRefusal.NotPrimary, a.Store.CheckWrite("k"u8, 1));
            Assert.Null(a.Store.PrimaryName);
        }
        group.Heal("a", "b");
        group.Heal("a", "c");
        group.RunUntilQuiet();
        foreach (FakeNode node in group.Alive)
        {
            Assert.Equal("old", node.Get("k"));
            Assert.Equal("old", node.GetField("h", "f"));
            Assert.Equal("old", node.Get("deleted"));
            Assert.Null(node.Get("new"));
            Assert.Equal("term 2", node.Get("other"));
            Assert.Equal("b", node.Store.PrimaryName);
        }
        group.AssertAlike();
    }

    [Fact]
    public void A_primary_that_lost_its_lease_but_answers_gives_its_tail_to_the_next()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group.Hold("a", "c");
        a.Set("k", "tail");
        group.Run(2);
        a.Mirror.LoseLease("demo");
        group.Release("a", "b");
        group.Release("a", "c");
        FakeNode b = group.Elect("b", 2);
        group.RunUntilQuiet();
        Assert.Equal("tail", b.Get("k"));
        Assert.Equal("b", a.Store.PrimaryName);
        Assert.Equal(ServiceRole.Secondary, a.Service.Role);
        group.AssertAlike();
    }

    [Fact]
    public void A_batch_is_cut_as_a_whole()
    {
        using MirrorCluster group = Group();
        group["a"].Set("x", "old");
        group["a"].Set("y", "old");
        group.RunUntilQuiet();
        FakeNode a = group["a"];
        group.Hold("a", "b");
        a.Store.BeginBatch();
        for (int i = 0; i < 20; i++) a.Set(i % 2 == 0 ? "x" : $"y{i}", new string('n', 400)); // more than one datagram
        a.Set("y", "new");
        a.Store.EndBatch();
        a.Set("z", "after");
        group.Run(3);
        Assert.Equal("new", group["c"].Get("y"));
        group.Cut("b", "c");
        group.Kill("a");
        group.Release("a", "b");
        FakeNode b = group.Elect("b", 2);
        b.Mirror.AcceptLoss("demo");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves without c");
        Assert.Equal("old", b.Get("x"));
        Assert.Equal("old", b.Get("y"));
        group.Heal("b", "c");
        group.RunUntilQuiet();
        FakeNode c = group["c"];
        Assert.Equal("old", c.Get("x"));
        Assert.Equal("old", c.Get("y"));
        Assert.Null(c.Get("z"));
        Assert.Null(c.Get("y1"));
        group.AssertAlike();
    }

    [Fact]
    public void A_member_that_dropped_a_tail_and_is_promoted_fetches_the_values_below_it_first()
    {
        using MirrorCluster group = Group();
        for (int i = 0; i < 50; i++) group["a"].Set($"k{i}", "old");
        group.RunUntilQuiet();
        FakeNode c = group["c"];
        group.Hold("a", "b");
        for (int i = 0; i < 50; i++) group["a"].Set($"k{i}", "tail");
        group.Run(3);
        Assert.Equal("tail", c.Get("k7"));
        group.Cut("b", "c");
        group.Kill("a");
        group.Release("a", "b");
        FakeNode b = group.Elect("b", 2);
        b.Mirror.AcceptLoss("demo");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves without c");
        group.ChannelsBreak = true;
        group.Heal("b", "c");
        group.RunUntil(() => c.Service.Debt.Keys.Count == 50, "c has dropped the tail and cannot fetch");
        Assert.False(c.Service.ToPosition().Remembers);
        FakeNode next = group.Elect("c", 3);
        group.Run(50);
        Assert.Equal(ServiceRole.Recovering, next.Service.Role);
        next.Mirror.AcceptLoss("demo"); // it owes keys, so only b remembers
        group.ChannelsBreak = false;
        group.RunUntil(() => next.Service.Role == ServiceRole.Primary, "c serves", 20_000);
        for (int i = 0; i < 50; i++) Assert.Equal("old", next.Get($"k{i}"));
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void The_chain_of_a_newer_term_decides_what_a_member_that_missed_it_may_bring_back()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "old");
        group.RunUntilQuiet();
        FakeNode a = group["a"];
        group.Cut("a", "b");
        group.Cut("a", "c");
        a.Set("k", "tail");
        a.Set("new", "tail");
        FakeNode b = group.Elect("b", 2);
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary && group["c"].Store.Term == 2, "b serves and c follows");
        a.Mirror.LoseLease("demo");
        group.Kill("b");
        group.Heal("a", "c");
        FakeNode again = group.Elect("a", 3); // its position looks higher within term 1
        group.RunUntilQuiet();
        Assert.Equal(ServiceRole.Primary, again.Service.Role);
        foreach (FakeNode node in group.Alive)
        {
            Assert.Equal("old", node.Get("k"));
            Assert.Null(node.Get("new"));
        }
        group.AssertAlike();
    }

    private static MirrorCluster Group() => PromotionTests.Group();
}

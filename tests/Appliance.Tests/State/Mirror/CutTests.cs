using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>What a restarted primary does, and what its cut does to the others: a write is kept, or it is gone everywhere (ARCHITECTURE 3, the cut).</summary>
public sealed class CutTests
{
    [Fact, Trait("Demand", "A2")]
    public void A_restarted_primary_recovers_everything_from_the_survivors()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v", group.WallMilliseconds + 3_600_000);
        for (int i = 0; i < 300; i++) group["a"].SetField("h", $"f{i}", $"{i}");
        group["a"].Set("gone", "x");
        group["a"].Delete("gone");
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["b"]);
        group.Kill("a");
        group.Run(50);
        FakeNode again = group.Start("a");
        Assert.Equal(WriteRefusal.Recovering, again.Store.CheckWrite("k"u8, 1));
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves again");
        Assert.Equal(before, MirrorCluster.Dump(again));
        Assert.Equal(2UL, again.Store.Term);
        group.RunUntilQuiet();
        group.AssertAlike();
        Assert.Equal(0, group["b"].Mirror.Counters.FullSnapshots - 1); // the one of its start
        Assert.Equal(0, group["b"].Mirror.Counters.Discarded);
    }

    [Fact]
    public void A_primary_that_its_group_refuses_waits_for_as_long_as_it_is_refused()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Run(50);
        foreach (string other in new[] { "b", "c" }) group.Cut("a", other);
        FakeNode clone = group.Start("a");
        clone.Group.IsRefused = true;
        group.Run(20_000); // longer than a recovery waits for answers
        Assert.Equal(ServiceRole.Recovering, clone.Service.Role);
        Assert.Contains("refuses", clone.Mirror.ReadStatus()[0].Why, StringComparison.Ordinal);

        clone.Group.IsRefused = false;
        foreach (string other in new[] { "b", "c" }) group.Heal("a", other);
        group.RunUntil(() => clone.Service.Role == ServiceRole.Primary, "a serves again");
        Assert.Equal("v", clone.Get("k"));
    }

    [Fact]
    public void A_survivor_that_had_less_than_the_cut_gets_the_rest()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "old");
        group.RunUntilQuiet();
        group.Hold("a", "c");
        group["a"].Set("k", "new");
        group["a"].Set("l", "1");
        group.Run(5);
        group.Kill("a");
        group.Release("a", "c");
        Assert.Equal("old", group["c"].Get("k"));
        group.Start("a");
        group.RunUntilQuiet();
        Assert.Equal("new", group["c"].Get("k"));
        Assert.Equal("new", group["a"].Get("k"));
        group.AssertAlike();
        Assert.Equal(1, group["c"].Mirror.Counters.DeltaSnapshots);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_survivor_that_had_more_than_the_cut_discards_it(bool missesTheCut)
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "old");
        group["a"].Set("deleted", "old");
        group["a"].SetField("h", "f", "old");
        group["a"].SetField("h", "g", "old");
        group["a"].SetField("buried", "f", "old");
        group["a"].SetField("buried", "g", "old");
        group["a"].Set("string", "old");
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group["a"].Set("k", "beyond");
        group["a"].Set("new", "beyond");
        group["a"].Delete("deleted");
        group["a"].SetField("h", "f", "beyond");
        group["a"].SetField("h", "new", "beyond");
        group["a"].Delete("buried");
        group["a"].Delete("string");
        group["a"].SetField("string", "f", "beyond");
        group.Run(5);
        Assert.Equal("beyond", group["c"].Get("k"));
        group.Kill("a");
        group.Release("a", "b");
        group.Cut("b", "c"); // else the survivors complete each other
        FakeNode again = group.Start("a");
        group.Cut("a", "c");
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves without c");
        again.Set("other", "term 2");
        again.SetField("h", "f", "term 2");
        group.Run(5);
        if (missesTheCut) group.Lose("a", "c", GapReason.JoinedLate);
        group.Heal("a", "c");
        group.Heal("b", "c");
        group.RunUntil(
            () =>
            {
                FakeNode c = group["c"];
                if (c.Service.Term == 2) Assert.NotEqual("beyond", c.Get("k") + c.Get("new") + c.GetField("h", "new") + c.GetField("string", "f")); // hidden at once
                return c.Group.Synchronised && c.Service.Term == 2;
            },
            "c is in step with term 2");
        Assert.Equal("old", group["c"].Get("k"));
        Assert.Null(group["c"].Get("new"));
        Assert.Equal("old", group["c"].Get("deleted"));
        Assert.Equal("term 2", group["c"].GetField("h", "f"));
        Assert.Equal("old", group["c"].GetField("h", "g"));
        Assert.Null(group["c"].GetField("h", "new"));
        Assert.Equal("old", group["c"].GetField("buried", "g"));
        Assert.Equal("old", group["c"].Get("string"));
        group.RunUntilQuiet();
        group.AssertAlike();
        Assert.True(group["c"].Mirror.Counters.Discarded > 0);
        Assert.Equal(6, group["c"].Mirror.Counters.KeysFetchedAgain);
    }

    [Fact]
    public void An_acknowledged_write_survives_whoever_acknowledged_it()
    {
        using var group = new MirrorCluster(
            static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")] }, "a", "b", "c");
        foreach (string slow in new[] { "b", "c", "b" })
        {
            group.Hold("a", slow);
            ulong ticket = group["a"].Set("cart:1", $"while {slow} was slow");
            group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
            group.Kill("a");
            group.Release("a", slow);
            group.Start("a");
            group.RunUntilQuiet();
            foreach (FakeNode node in group.Alive) Assert.Equal($"while {slow} was slow", node.Get("cart:1"));
        }
        group.AssertAlike();
        Assert.Equal(0, group["a"].Mirror.Counters.UnsafeRecoveries);
    }

    [Fact]
    public void A_primary_waits_for_as_many_survivors_as_a_promise_needs_and_then_serves_loudly()
    {
        using var group = new MirrorCluster(
            static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")], RecoveryLimit = TimeSpan.FromSeconds(5) }, "a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Kill("c");
        FakeNode again = group.Start("a");
        group.Run(4900);
        Assert.Equal(ServiceRole.Recovering, again.Service.Role);
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "the limit is over", 300);
        Assert.Equal("v", again.Get("k"));
        Assert.True(again.Said(MirrorEvent.Lost, "only 1 of 3"));
        Assert.Equal(1, again.Mirror.Counters.UnsafeRecoveries);
    }

    [Fact]
    public void A_member_that_lost_its_memory_answers_for_nobody()
    {
        using var group = new MirrorCluster(
            static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 2, WhenShort.Refuse, "cart:*")] }, "a", "b", "c");
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
        group.Kill("a");
        group.Kill("b");
        group.Hold("c", "a");
        group.Hold("c", "b"); // alive, but slow
        FakeNode again = group.Start("a");
        group.Start("b");
        group.Run(4000);
        Assert.Equal(ServiceRole.Recovering, again.Service.Role);
        group.Release("c", "a");
        group.Release("c", "b");
        group.RunUntilQuiet();
        foreach (FakeNode node in group.Alive) Assert.Equal("bought", node.Get("cart:1"));
        Assert.Equal(0, again.Mirror.Counters.UnsafeRecoveries);
        Assert.False(again.Said(MirrorEvent.Lost, ""));
    }

    [Fact]
    public void When_only_members_without_memory_answer_the_primary_serves_at_the_limit_and_says_what_is_lost()
    {
        using var group = new MirrorCluster(
            static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")], RecoveryLimit = TimeSpan.FromSeconds(5) }, "a", "b", "c", "d");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        foreach (string name in new[] { "a", "b", "d" }) group.Kill(name);
        group.Hold("a", "b"); // b stays without memory
        FakeNode again = group.Start("a");
        group.Start("b");
        foreach (string other in new[] { "b", "c" }) group.Cut(other, other == "b" ? "c" : "b");
        group.Release("a", "b");
        group.Run(4900);
        Assert.Equal(ServiceRole.Recovering, again.Service.Role);
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "the limit is over", 300);
        Assert.Equal("v", again.Get("k"));
        Assert.True(again.Said(MirrorEvent.Lost, "only 1 of 4"));
        Assert.Equal(1, again.Mirror.Counters.UnsafeRecoveries);
    }

    [Fact]
    public void A_survivor_that_lacks_the_end_of_the_stream_remembers_all_the_same()
    {
        using var group = new MirrorCluster(
            static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")] }, "a", "b");
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
        group["a"].Set("k", "in flight");
        group["a"].Group.Flush();
        group.Kill("a");
        group["b"].Mirror.OnStreamGap(group["b"].MemberOf(group["a"])!, 5, 5, GapReason.Gone);
        Assert.False(group["b"].Group.Synchronised);
        FakeNode again = group.Start("a");
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves again", 1000);
        Assert.Equal("bought", again.Get("cart:1"));
        Assert.False(again.Said(MirrorEvent.Lost, ""));
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void Who_said_where_it_stands_takes_nothing_of_a_lower_term_any_more()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        FakeNode old = group["a"];
        GroupMember member = group["b"].MemberOf(old)!;
        ulong next = old.Store.LastTicket + 1;
        group.Kill("a");
        FakeNode again = group.Start("a");
        group.Hold("c", "a"); // a cannot judge yet, but b has answered
        group.RunUntil(() => StateMirror.DoingFor(again.Service).Contains("1 of 3", StringComparison.Ordinal), "b has answered");
        group["b"].Mirror.OnDeliver(member, 99, Record(next, "late"));
        Assert.Null(group["b"].Get("late"));
        Assert.Equal(1, group["b"].Mirror.Counters.LowerTerm);
        Assert.False(group["b"].Group.Synchronised); // no report may say that it was applied
        group.Release("c", "a");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void The_promise_outlives_a_restart()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group["b"].Service.Promise(7);
        group.Kill("b");
        FakeNode again = group.Start("b");
        Assert.Equal(7UL, again.Service.PromisedTerm);
        group.Run(3000);
        Assert.False(again.Group.Synchronised); // term 1 is over for it
        group.Kill("a");
        group.Start("a");
        group.RunUntilQuiet();
        Assert.Equal(8UL, group["a"].Store.Term);
        Assert.Equal("v", again.Get("k"));
        group.AssertAlike();
    }

    [Fact]
    public void Attempts_that_fail_become_rarer_and_success_comes_soon_after_the_cause_is_gone()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 100; i++) group["a"].Set($"k{i}", "v");
        group.RunUntilQuiet();
        foreach (string victim in new[] { "b", "a" })
        {
            group.Kill(victim);
            group.ChannelsBreak = true;
            FakeNode again = group.Start(victim);
            int before = group.OpenedChannels;
            group.Run(60_000);
            Assert.InRange(group.OpenedChannels - before, 4, 20);
            Assert.InRange(again.Mirror.Counters.Retries, 4, 20);
            Assert.InRange(again.Events.Count, 1, 25);
            group.ChannelsBreak = false;
            group.RunUntil(() => again.Group.Synchronised, "the next attempt succeeds", 12_000);
            group.RunUntilQuiet();
            group.AssertAlike();
        }
    }

    [Fact]
    public void A_cold_start_is_told_from_a_loss()
    {
        using var group = new MirrorCluster("a", "b");
        Assert.True(group["a"].Said(MirrorEvent.ColdStart, "cold start"));
        Assert.False(group["a"].Said(MirrorEvent.Lost, ""));
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        group.Kill("b");
        FakeNode again = group.Start("a");
        group.Run(3000);
        Assert.Equal(ServiceRole.Recovering, again.Service.Role); // b may hold something
        group.Start("b");
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "b has answered that it has nothing");
        Assert.True(again.Said(MirrorEvent.ColdStart, "cold start"));
        Assert.Null(again.Get("k"));
        Assert.Equal(2UL, again.Store.Term);
    }

    [Fact]
    public void A_node_alone_starts_cold_after_the_grace()
    {
        using var group = new MirrorCluster(static options => options with { DataMembers = ["a", "b", "c"] }, "a");
        Assert.True(group["a"].Said(MirrorEvent.ColdStart, "cold start"));
        Assert.Equal(WriteRefusal.None, group["a"].Store.CheckWrite("k"u8, 1));
    }

    [Fact]
    public void When_the_serving_survivor_dies_another_serves()
    {
        using var group = new MirrorCluster("a", "b", "c");
        for (int i = 0; i < 2000; i++) group["a"].Set($"key:{i}", new string('v', 500));
        group.RunUntilQuiet();
        string before = MirrorCluster.Dump(group["b"]);
        group.Kill("a");
        group.MessagesPerMillisecond = 1;
        FakeNode again = group.Start("a");
        group.RunUntil(() => StateMirror.DoingFor(again.Service).Contains("fetching from", StringComparison.Ordinal), "a fetches");
        group.Run(4);
        string server = StateMirror.DoingFor(again.Service)[^1..];
        group.Kill(server);
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves");
        Assert.Equal(before, MirrorCluster.Dump(again));
        group.Start(server);
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void Records_of_a_lower_term_are_refused_after_the_cut()
    {
        using var group = new MirrorCluster("a", "b");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        GroupMember old = group["b"].MemberOf(group["a"])!;
        ulong next = group["a"].Store.LastTicket + 1;
        group.Kill("a");
        group.Start("a");
        group.RunUntilQuiet();
        group["b"].Mirror.OnDeliver(old, 99, Record(next, "late"));
        Assert.Null(group["b"].Get("late"));
        Assert.Equal(1, group["b"].Mirror.Counters.LowerTerm);
        Assert.True(group["b"].Group.Synchronised);
    }

    [Fact]
    public void A_term_without_its_cut_is_noticed_and_made_good()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Kill("a");
        FakeNode again = group.Start("a");
        group.Hold("a", "c");
        group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves");
        again.Group.Flush();
        group["c"].Delivered[again] = again.Group.Stream.Count; // the cut never reaches c, and nobody says so
        again.Set("k", "term 2");
        group.Release("a", "c");
        group.RunUntil(() => group["c"].Get("k") == "term 2" && group["c"].Group.Synchronised, "c is in step");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Fact]
    public void Terms_are_counted_over_restarts_and_never_below_what_survivors_know()
    {
        using var group = new MirrorCluster("a", "b");
        for (ulong term = 2; term < 6; term++)
        {
            group["a"].Set("k", $"{term}");
            group.RunUntilQuiet();
            group.Kill("a");
            group.Start("a");
            group.RunUntilQuiet();
            Assert.Equal(term, group["a"].Store.Term);
        }
        Assert.Equal([1UL, 2UL, 3UL, 4UL], group["b"].Service.Chain.Endings.ToArray().Select(static ending => ending.Term));
        group.ForgetTerms("a");
        group.Kill("a");
        group.Start("a");
        group.RunUntilQuiet();
        Assert.Equal(6UL, group["a"].Store.Term);
    }

    [Fact]
    public void More_restarts_than_are_remembered_still_converge()
    {
        using var group = new MirrorCluster("a", "b", "c");
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.Cut("b", "c");
        group.Cut("a", "c");
        for (int i = 0; i < TermChain.MaxTerms + 3; i++)
        {
            group.Kill("a");
            FakeNode again = group.Start("a");
            group.Cut("a", "c");
            group.RunUntil(() => again.Service.Role == ServiceRole.Primary, "a serves");
            again.Set("k", $"{i}");
            group.RunUntil(() => group["b"].Get("k") == $"{i}", "b has it");
        }
        group.Heal("b", "c");
        group.Heal("a", "c");
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    private static MessageRun Record(ulong version, string key)
    {
        byte[] record = new byte[256];
        int bytes = RecordCodec.Write(record, ServiceId.FromName("demo"), RecordKind.Bytes, RecordClass.Application, false, new RecordVersion(version), 0, StoreFixture.Bytes(key), "x"u8);
        byte[] frame = new byte[bytes + 4];
        MessageRun.WriteHeader(frame, bytes, false);
        record.AsSpan(0, bytes).CopyTo(frame.AsSpan(4));
        return new MessageRun(frame);
    }
}

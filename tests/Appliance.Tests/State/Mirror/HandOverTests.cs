using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Planned hand-overs: nothing acknowledged is lost, nothing is refused, and nobody waits long (ARCHITECTURE 6).</summary>
public sealed class HandOverTests
{
    [Fact]
    public void A_hand_over_takes_a_few_messages_and_no_connection()
    {
        using MirrorCluster group = Group();
        ulong ticket = group["a"].Set("cart:1", "bought");
        group["a"].Set("k", "v");
        int connections = group.OpenedChannels;
        group["a"].Mirror.HandOver("demo", "b");
        Assert.Equal(WriteRefusal.Busy, group["a"].Store.CheckWrite("k"u8, 1)); // wait, not an error
        Assert.Equal("v", group["a"].Get("k"));
        group.Run(6);
        FakeNode a = group["a"], b = group["b"];
        Assert.Contains("handed over b 2", a.Roles.Told);
        Assert.Equal(["offered a 2", "serving 2"], b.Roles.Told.Take(2));
        Assert.True(a.Store.ResolvedThrough >= ticket, "a write that was waiting was not acknowledged before");
        Assert.Equal(WriteRefusal.NotPrimary, a.Store.CheckWrite("k"u8, 1));
        Assert.Equal(1, b.Mirror.Counters.Cuts - 1); // its own, after that of term 1
        b.Set("k", "term 2");
        group.RunUntilQuiet();
        Assert.Equal(connections, group.OpenedChannels);
        Assert.All(group.Alive, static node => Assert.DoesNotContain(node.Events, static one => one.Text.Contains(": not synchronised:", StringComparison.Ordinal)));
        Assert.Equal("b", a.Store.PrimaryName);
        group.AssertAlike();
    }

    [Fact]
    public void Under_load_nothing_acknowledged_is_lost_and_writes_wait_for_less_than_20_ms()
    {
        using MirrorCluster group = Group();
        Dictionary<string, string> written = [];
        Queue<(FakeNode Node, ulong Ticket, string Key, string Value)> pending = new();
        HashSet<string> acknowledged = [];
        int longest = 0, waiting = 0;
        for (int round = 0; round < 400; round++)
        {
            FakeNode? primary = group.Primary;
            bool wrote = false;
            for (int i = 0; i < 5 && primary is not null; i++)
            {
                string key = $"cart:{round}:{i}";
                WriteRefusal refusal = primary.Store.CheckWrite(StoreFixture.Bytes(key), 10);
                Assert.True(refusal is WriteRefusal.None or WriteRefusal.Busy, $"refused: {refusal}");
                if (refusal != WriteRefusal.None) break;
                wrote = true;
                pending.Enqueue((primary, primary.Set(key, $"{round}"), key, $"{round}"));
                written[key] = $"{round}";
            }
            waiting = wrote ? 0 : waiting + 1;
            longest = Math.Max(longest, waiting);
            if (round % 50 == 25) primary!.Mirror.HandOver("demo", "abc".Replace(primary.Name, "", StringComparison.Ordinal)[round / 50 % 2].ToString());
            group.Run(1);
            while (pending.TryPeek(out var one) && one.Node.Store.ResolvedThrough >= one.Ticket) acknowledged.Add(pending.Dequeue().Key);
        }
        group.RunUntilQuiet();
        Assert.Empty(pending); // none was left in doubt
        Assert.InRange(longest, 1, 19);
        Assert.Equal(8, group.Alive.Sum(static node => node.Mirror.Counters.HandOvers));
        foreach (string key in acknowledged) Assert.All(group.Alive, node => Assert.Equal(written[key], node.Get(key)));
        Assert.Equal(written.Count, acknowledged.Count);
        Assert.Equal(9UL, group.Primary!.Store.Term);
        group.AssertAlike();
    }

    [Fact]
    public void A_target_that_does_not_follow_in_time_is_named_and_the_primary_goes_on()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        var observer = new Writable();
        a.Store.Subscribe(observer);
        group.Hold("a", "b");
        a.Set("k", "v");
        a.Mirror.HandOver("demo", "b");
        Assert.Equal(WriteRefusal.Busy, a.Store.CheckWrite("k"u8, 1));
        group.Run(19);
        Assert.Equal(WriteRefusal.Busy, a.Store.CheckWrite("k"u8, 1));
        group.Run(2);
        Assert.Equal(WriteRefusal.None, a.Store.CheckWrite("k"u8, 1));
        Assert.Equal(1, observer.Times);
        Assert.Contains(a.Roles.Told, static told => told.StartsWith("failed b: b or the acknowledgements", StringComparison.Ordinal));
        group.Release("a", "b");
        a.Set("k", "again");
        group.RunUntilQuiet();
        Assert.Equal("again", group["b"].Get("k"));
        Assert.Equal(1UL, a.Store.Term);
        group.AssertAlike();
    }

    [Fact]
    public void A_slow_third_member_delays_a_hand_over_only_so_long()
    {
        using MirrorCluster group = Group();
        group.RunUntilQuiet();
        group.Hold("a", "c");
        group["a"].Set("k", "v");
        group["a"].Mirror.HandOver("demo", "b");
        group.RunUntil(() => group["b"].Service.Role == ServiceRole.Primary, "b serves", 19);
        group.Release("a", "c");
        group.RunUntilQuiet();
        Assert.Equal("v", group["c"].Get("k"));
        group.AssertAlike();
    }

    [Fact]
    public void A_write_that_too_few_can_acknowledge_holds_up_no_hand_over_and_is_kept()
    {
        using MirrorCluster group = Group(acks: 2);
        FakeNode a = group["a"], b = group["b"];
        group.Hold("a", "c");
        ulong purchase = a.Set("cart:1", "bought");
        group.Kill("c");
        group.RunUntilQuiet();
        Assert.True(a.Store.ResolvedThrough < purchase);
        a.Mirror.HandOver("demo", "b");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves", 19);
        Assert.Contains("handed over b 2", a.Roles.Told);
        Assert.True(a.Store.ResolvedThrough < purchase, "nobody is told that it is acknowledged");
        Assert.Equal("bought", b.Get("cart:1"));
        group.Release("a", "c");
        group.Start("c");
        group.RunUntilQuiet();
        Assert.Equal("bought", group["c"].Get("cart:1"));
        group.AssertAlike();
    }

    [Fact]
    public void A_write_that_those_who_are_there_can_acknowledge_is_acknowledged_before_the_hand_over()
    {
        using MirrorCluster group = Group(acks: 2);
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        group.Hold("a", "c");
        ulong purchase = a.Set("cart:1", "bought");
        a.Mirror.HandOver("demo", "b");
        group.Run(15);
        Assert.Equal(ServiceRole.Primary, a.Service.Role);
        group.Release("a", "c");
        group.RunUntil(() => group["b"].Service.Role == ServiceRole.Primary, "b serves", 4);
        Assert.True(a.Store.ResolvedThrough >= purchase);
        group.RunUntilQuiet();
        group.AssertAlike();
    }

    [Theory, InlineData("d", "not there"), InlineData("a", "not there")]
    public void Nobody_else_than_a_member_can_be_handed_a_service(string target, string why)
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        a.Mirror.HandOver("demo", target);
        Assert.Contains(a.Roles.Told, told => told.StartsWith($"failed {target}:", StringComparison.Ordinal) && told.Contains(why, StringComparison.Ordinal));
        Assert.Equal(WriteRefusal.None, a.Store.CheckWrite("k"u8, 1));
    }

    [Fact]
    public void A_member_that_is_not_synchronised_is_handed_nothing_and_a_secondary_hands_nothing_over()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group.RunUntilQuiet();
        group.ChannelsBreak = true;
        group.Kill("b");
        group.Start("b");
        group.Run(20);
        group["a"].Mirror.HandOver("demo", "b");
        Assert.Contains(group["a"].Roles.Told, static told => told == "failed b: b does not hold the complete state");
        group["c"].Mirror.HandOver("demo", "a");
        Assert.Contains(group["c"].Roles.Told, static told => told == "failed a: this node is not the primary");
        Assert.Equal(WriteRefusal.None, group["a"].Store.CheckWrite("k"u8, 1));
    }

    [Fact]
    public void A_target_that_dies_after_it_was_told_is_replaced_by_election_without_loss()
    {
        using MirrorCluster group = Group();
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "it is acknowledged");
        group["b"].Roles.AcceptsOffers = false;
        group["a"].Mirror.HandOver("demo", "b");
        group.RunUntil(() => group["b"].Roles.Told.Contains("offered a 2"), "b is told");
        group.Kill("b");
        FakeNode c = group.Elect("c", 3);
        group.RunUntil(() => c.Service.Role == ServiceRole.Primary, "c serves", 200);
        group.RunUntilQuiet();
        Assert.Equal("bought", c.Get("cart:1"));
        group.AssertAlike();
    }

    [Fact]
    public void A_lease_that_arrives_before_the_farewell_costs_a_survey_and_nothing_else()
    {
        using MirrorCluster group = Group();
        group["a"].Set("k", "v");
        group["b"].Roles.AcceptsOffers = false;
        group.RunUntilQuiet();
        group["a"].Mirror.HandOver("demo", "b");
        group.RunUntil(() => group["a"].Service.Role == ServiceRole.Secondary, "a has said farewell");
        group.Hold("a", "b");
        group.Elect("b", 2);
        group.Run(5);
        group.Release("a", "b");
        group.RunUntilQuiet();
        Assert.Equal(ServiceRole.Primary, group["b"].Service.Role);
        Assert.Equal("v", group["b"].Get("k"));
        Assert.Equal(0, group["b"].Mirror.Counters.Discarded);
        group.AssertAlike();
    }

    [Fact]
    public void Losing_the_lease_ends_a_hand_over()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        group.Hold("a", "b");
        a.Set("k", "v");
        a.Mirror.HandOver("demo", "b");
        a.Mirror.LoseLease("demo");
        Assert.Contains(a.Roles.Told, static told => told == "failed b: this node is no longer the primary");
        Assert.Equal(WriteRefusal.NotPrimary, a.Store.CheckWrite("k"u8, 1));
        group.Release("a", "b");
        FakeNode b = group.Elect("b", 2);
        group.RunUntilQuiet();
        Assert.Equal(WriteRefusal.None, b.Store.CheckWrite("k"u8, 1));
        group.AssertAlike();
    }

    private static MirrorCluster Group(int acks = 1)
    {
        var group = new MirrorCluster(
            options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, acks, WhenShort.Refuse, "cart:*")] }), "a", "b", "c");
        group.RunUntil(() => group.Committed.Count == 3, "all are committed");
        return group;
    }

    private sealed class Writable : IStoreObserver
    {
        internal int Times { get; private set; }

        public void OnResolved()
        {
        }

        public void OnWritable() => Times++;

        public void OnRoleChanged()
        {
        }
    }
}

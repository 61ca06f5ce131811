using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Faults that the simulation of mirrors found, each in its smallest form (docs/state.md).</summary>
public sealed class FoundBySimulationTests
{
    [Fact]
    public void A_writer_that_was_too_busy_hears_of_room_though_the_group_refused_nothing()
    {
        using MirrorCluster group = Group("a", "b");
        FakeNode a = group["a"];
        var observer = new Observer();
        a.Store.Subscribe(observer);
        a.Group.PublishableBytes = 0;
        Assert.Equal(WriteRefusal.Busy, a.Store.CheckWrite("k"u8, 1));
        group.Run(5);
        Assert.Equal(0, observer.Writable);
        a.Group.PublishableBytes = 1 << 20;
        group.Run(1);
        Assert.Equal(1, observer.Writable);
        group.Run(5);
        Assert.Equal(1, observer.Writable);
        Assert.Equal(WriteRefusal.None, a.Store.CheckWrite("k"u8, 1));
    }

    [Fact]
    public void A_key_deleted_beyond_the_cut_returns_where_its_tombstone_was_forgotten()
    {
        using MirrorCluster group = Group("a", "b", "c");
        group["a"].Set("k", "old");
        group.RunUntilQuiet();
        FakeNode c = group["c"];
        group.Hold("a", "b");
        group["a"].Delete("k");
        group.Run(3);
        c.Store.Memory.RaiseFloor(new RecordVersion(group["a"].Store.LastTicket));
        group.RunUntil(() => c.Store.Tables.TombstoneCount == 0, "c forgets the deletion");
        group.Cut("b", "c");
        group.Kill("a");
        group.Release("a", "b");
        FakeNode b = group.Elect("b", 2);
        b.Mirror.AcceptLoss("demo");
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves without c");
        group.Heal("b", "c");
        group.RunUntilQuiet();
        Assert.Equal("old", c.Get("k"));
        group.AssertAlike();
    }

    [Fact]
    public void A_fetch_that_reaches_the_next_empty_life_of_the_server_brings_nothing_and_is_repeated()
    {
        using MirrorCluster group = Group("a", "b", "c", "d");
        group.RunUntilQuiet();
        group.MessagesPerMillisecond = 0;
        group.Kill("d");
        FakeNode empty = group.Start("d");
        group.Cut("c", "d");
        group.Run(50);
        group.Hold("a", "b");
        group.Hold("a", "d");
        ulong ticket = group["a"].Set("cart:1", "bought");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "c has acknowledged it");
        group.Kill("a");
        group.Release("a", "b");
        group.ServedBy = (client, server) => client.Name == "b" ? empty : server;
        group.MessagesPerMillisecond = 4;
        FakeNode b = group.Elect("b", 2);
        group.Run(100);
        Assert.True(b.Mirror.Counters.Retries > 0, "b has not asked anyone");
        Assert.Equal(ServiceRole.Recovering, b.Service.Role);
        group.ServedBy = null;
        group.RunUntil(() => b.Service.Role == ServiceRole.Primary, "b serves");
        Assert.Equal("bought", b.Get("cart:1"));
        Assert.False(b.Said(MirrorEvent.Lost, ""));
    }

    [Fact]
    public void What_a_member_holds_after_a_hole_and_the_new_primary_could_not_collect_does_not_stay()
    {
        using MirrorCluster group = Group("a", "b", "c");
        FakeNode a = group["a"], b = group["b"];
        a.Set("k", "old");
        group.RunUntilQuiet();
        group.MessagesPerMillisecond = 0; // nothing can be fetched
        group.Hold("a", "c");
        a.Set("x", "lost");
        group.Lose("a", "b", GapReason.Gone);
        a.Set("k", "tail");
        group.Run(2);
        Assert.Equal("tail", b.Get("k"));
        group.Lose("a", "c", GapReason.Gone);
        group.Release("a", "c");
        a.Set("z", "after");
        group.Run(2);
        group.Kill("a");
        group.MessagesPerMillisecond = 4;
        group.ServedBy = (client, server) => client.Name == "c" ? throw new InvalidOperationException("c stands as far as anyone") : server;
        FakeNode c = group.Elect("c", 2);
        c.Mirror.AcceptLoss("demo"); // only a was in step
        group.RunUntil(() => c.Service.Role == ServiceRole.Primary, "c serves");
        Assert.True(c.Said(MirrorEvent.Lost, "kept only in part"));
        group.RunUntilQuiet();
        Assert.Equal("old", b.Get("k"));
        Assert.Equal("after", b.Get("z"));
        group.AssertAlike();
    }

    private static MirrorCluster Group(params string[] names) =>
        new(static options => MirrorCluster.Elected(options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Refuse, "cart:*")] }), names);

    private sealed class Observer : IStoreObserver
    {
        internal int Writable { get; private set; }

        public void OnResolved()
        {
        }

        public void OnWritable() => Writable++;

        public void OnRoleChanged()
        {
        }
    }
}

using Appliance.Configuration;
using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>A class whose writes cannot be acknowledged holds back nothing but itself (ARCHITECTURE 3, step 5).</summary>
public sealed class ShortClassTests
{
    private const int MoreThanTheRing = 17_000;

    [Fact, Trait("Demand", "A14")]
    public void A_write_that_too_few_can_acknowledge_delays_no_other_class()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        (WriteDependency purchase, WriteDependency login) = WriteBoth(group);
        group.Run(2);
        Assert.True(a.Store.IsResolved(login), "b has acknowledged it, and nobody asks for more");
        Assert.False(a.Store.IsResolved(purchase));
        Assert.True(a.Store.ResolvedThrough < purchase.Ticket);
        Assert.Equal(purchase.Ticket, DependencyOf(a, "cart:1").Ticket);
        Assert.True(DependencyOf(a, "login:1").IsNone);
        Assert.Equal(WriteRefusal.TooFewMembers, a.Store.CheckWrite("cart:2"u8, 1));
        Assert.Equal(WriteRefusal.None, a.Store.CheckWrite("login:2"u8, 1));
    }

    [Fact]
    public void Observers_hear_of_a_class_that_goes_on_while_another_waits()
    {
        using MirrorCluster group = Group();
        var observer = new Observer();
        (_, WriteDependency login) = WriteBoth(group);
        group["a"].Store.Subscribe(observer);
        group.RunUntil(() => group["a"].Store.IsResolved(login), "it is acknowledged");
        Assert.True(observer.Resolved > 0);
    }

    [Fact]
    public void A_reply_that_depends_on_two_classes_waits_for_both()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        WriteBoth(group);
        a.Store.Dependency = default;
        a.Get("cart:1");
        a.Get("login:1");
        WriteDependency both = a.Store.Dependency;
        group.Run(20);
        Assert.False(a.Store.IsResolved(both));
        group.Start("c");
        group.Release("a", "c");
        group.RunUntil(() => a.Store.IsResolved(both), "c's new life has acknowledged what it fetched");
    }

    [Fact]
    public void A_batch_of_two_classes_waits_for_both()
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        group.Hold("a", "c");
        a.Store.Dependency = default;
        a.Store.BeginBatch();
        a.Set("login:1", "x");
        a.Set("cart:1", "x");
        a.Store.EndBatch();
        WriteDependency batch = a.Store.Dependency;
        group.Run(20);
        Assert.False(a.Store.IsResolved(batch));
        group.Release("a", "c");
        group.Run(2);
        Assert.True(a.Store.IsResolved(batch));
        Assert.Equal(a.Store.LastTicket, a.Store.ResolvedThrough);
    }

    [Theory, InlineData("login:"), InlineData("plain:"), Trait("Demand", "A14")]
    public void However_much_others_write_meanwhile_nobody_is_busy_and_the_write_stays_pending(string prefix)
    {
        using MirrorCluster group = Group();
        FakeNode a = group["a"];
        (WriteDependency purchase, _) = WriteBoth(group);
        for (int i = 0; i < MoreThanTheRing; i++)
        {
            Assert.Equal(WriteRefusal.None, a.Store.CheckWrite(StoreFixture.Bytes(prefix + "k"), 1));
            a.Store.Dependency = default;
            a.Set(prefix + "k", "v");
            a.Group.Flush(); // a datagram for each
            if (i % 1000 != 0) continue;
            WriteDependency written = a.Store.Dependency;
            group.Run(2);
            Assert.True(a.Store.IsResolved(written), $"write {i} waits");
        }
        Assert.False(a.Store.IsResolved(purchase));
        Assert.Equal(purchase.Ticket, DependencyOf(a, "cart:1").Ticket);
        Assert.Equal(1, a.Store.AcknowledgedBy(purchase.Ticket));
        Assert.True(a.Service.Publisher.Pending > 0);
        group.Start("c");
        group.Release("a", "c");
        group.RunUntil(() => a.Store.IsResolved(purchase), "c's new life has acknowledged what it fetched");
        group.RunUntil(() => a.Service.Publisher.Pending == 0, "nothing waits");
        Assert.Equal(a.Store.LastTicket, a.Store.ResolvedThrough);
        Assert.True(DependencyOf(a, "cart:1").IsNone);
        Assert.Equal(0, a.Service.Publisher.AcceptedShort);
    }

    [Fact]
    public void What_was_held_for_long_never_looks_acknowledged_when_the_lease_is_lost()
    {
        using MirrorCluster group = new(static options => MirrorCluster.Elected(WithClasses(options)), "a", "b", "c");
        FakeNode a = group["a"];
        group.RunUntilQuiet();
        (WriteDependency purchase, _) = WriteBoth(group);
        for (int i = 0; i < MoreThanTheRing; i++)
        {
            a.Set("plain:k", "v");
            a.Group.Flush();
            if (i % 1000 == 0) group.Run(1);
        }
        a.Mirror.LoseLease("demo");
        Assert.False(a.Store.IsResolved(purchase));
        Assert.Equal(0, a.Service.Publisher.Pending);
    }

    // The purchase is published, c dies before it has it; the login comes after it.
    private static (WriteDependency Purchase, WriteDependency Login) WriteBoth(MirrorCluster group)
    {
        FakeNode a = group["a"];
        group.Hold("a", "c");
        a.Store.Dependency = default;
        a.Set("cart:1", "x");
        WriteDependency purchase = a.Store.Dependency;
        group.Kill("c");
        a.Store.Dependency = default;
        a.Set("login:1", "x");
        return (purchase, a.Store.Dependency);
    }

    private static WriteDependency DependencyOf(FakeNode node, string key)
    {
        node.Store.Dependency = default;
        node.Get(key);
        return node.Store.Dependency;
    }

    private static MirrorCluster Group() => new(WithClasses, "a", "b", "c");

    private static StateMirrorOptions WithClasses(StateMirrorOptions options) => options with
    {
        Classes =
        [
            MirrorCluster.Acknowledged(RecordClass.Purchase, 2, WhenShort.Refuse, "cart:*"),
            MirrorCluster.Acknowledged(RecordClass.Credential, 1, WhenShort.Refuse, "login:*"),
        ],
    };

    private sealed class Observer : IStoreObserver
    {
        internal int Resolved { get; private set; }

        public void OnResolved() => Resolved++;

        public void OnWritable()
        {
        }

        public void OnRoleChanged()
        {
        }
    }
}

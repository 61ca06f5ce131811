using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>A reply leaves when so many members have applied the write as its class asks (ARCHITECTURE 3, step 5).</summary>
public sealed class AcknowledgementTests
{
    private static MirrorCluster Group(AcknowledgementRule acks, WhenShort whenShort = WhenShort.Refuse, params string[] names) => new(
        options => options with
        {
            Classes =
            [
                new ClassOptions { Class = RecordClass.Purchase, Keys = ["cart:*"], Acks = acks, WhenShort = whenShort },
                new ClassOptions { Class = RecordClass.Credential, Keys = ["login:*"], Acks = default },
            ],
        },
        names.Length == 0 ? ["a", "b", "c"] : names);

    [Fact, Trait("Demand", "A14")]
    public void One_of_two_members_suffices_for_one_acknowledgement()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group.Hold("a", "b");
        group.Hold("a", "c");
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Run(20);
        Assert.True(group["a"].Store.ResolvedThrough < ticket);
        group.Release("a", "c");
        group.Run(2);
        Assert.True(group["a"].Store.ResolvedThrough >= ticket);
        Assert.Equal(1, group["a"].Store.AcknowledgedBy(ticket));
    }

    [Fact, Trait("Demand", "A14")]
    public void Two_acknowledgements_need_both()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(2));
        group.Hold("a", "b");
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Run(20);
        Assert.True(group["a"].Store.ResolvedThrough < ticket);
        group.Release("a", "b");
        group.Run(2);
        Assert.True(group["a"].Store.ResolvedThrough >= ticket);
    }

    [Fact]
    public void A_majority_of_five_is_two_others()
    {
        using MirrorCluster group = Group(AcknowledgementRule.Majority, WhenShort.Refuse, "a", "b", "c", "d", "e");
        foreach (string name in new[] { "b", "c", "d" }) group.Hold("a", name);
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Run(5);
        Assert.True(group["a"].Store.ResolvedThrough < ticket);
        group.Release("a", "d");
        group.Run(2);
        Assert.True(group["a"].Store.ResolvedThrough >= ticket);
    }

    [Fact]
    public void Reads_of_a_pending_record_depend_on_it_and_others_do_not()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group["a"].Set("cart:old", "x");
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group.Hold("a", "c");
        ulong ticket = group["a"].Set("cart:1", "x");
        group["a"].Set("login:1", "x");
        Assert.Equal(ticket, Depends("cart:1"));
        Assert.Equal(0UL, Depends("cart:old"));
        Assert.Equal(0UL, Depends("login:1"));
        Assert.Equal(0UL, Depends("absent"));
        group.Release("a", "b");
        group.Run(2);
        Assert.Equal(0UL, Depends("cart:1"));

        ulong Depends(string key)
        {
            group["a"].Store.Dependency = default;
            group["a"].Get(key);
            return group["a"].Store.Dependency.Ticket;
        }
    }

    [Fact]
    public void An_absence_that_is_pending_gates_the_answer_too()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group["a"].Set("cart:1", "x");
        group["a"].SetField("cart:h", "f", "1");
        group["a"].SetField("cart:h", "g", "1");
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group.Hold("a", "c");
        group["a"].Delete("cart:1");
        ulong deleted = group["a"].Store.LastTicket;
        group["a"].Store.Dependency = default;
        Assert.Null(group["a"].Get("cart:1"));
        Assert.Equal(deleted, group["a"].Store.Dependency.Ticket);
        group["a"].Store.DeleteField("cart:h"u8, "f"u8);
        ulong field = group["a"].Store.LastTicket;
        group["a"].Store.Dependency = default;
        Assert.Equal(1, group["a"].Store.FieldCount("cart:h"u8));
        Assert.Equal(field, group["a"].Store.Dependency.Ticket);
        group["a"].Store.Dependency = default;
        Assert.Null(group["a"].GetField("cart:h", "f"));
        Assert.Equal(field, group["a"].Store.Dependency.Ticket);
    }

    [Fact]
    public void Writes_depend_on_themselves_and_unacknowledged_classes_on_nothing()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group["a"].Store.Dependency = default;
        group["a"].Set("login:1", "x");
        Assert.Equal(0UL, group["a"].Store.Dependency.Ticket);
        Assert.Equal(group["a"].Store.LastTicket, group["a"].Store.ResolvedThrough);
        ulong ticket = group["a"].Set("cart:1", "x");
        Assert.Equal(ticket, group["a"].Store.Dependency.Ticket);
    }

    [Fact]
    public void Too_few_members_refuse_before_anything_happens()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group.Kill("b");
        group.Kill("c");
        Assert.Equal(WriteRefusal.TooFewMembers, group["a"].Store.CheckWrite("cart:1"u8, 1));
        Assert.Equal(WriteRefusal.None, group["a"].Store.CheckWrite("login:1"u8, 1));
        group.Start("b");
        group.RunUntil(() => group["a"].Store.CheckWrite("cart:1"u8, 1) == WriteRefusal.None, "b counts again");
    }

    [Fact]
    public void A_member_that_is_not_synchronised_does_not_count()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(2));
        group.MessagesPerMillisecond = 0; // nothing can be fetched
        group["a"].Set("login:1", "x");
        group.Lose("a", "c", GapReason.Gone);
        Assert.False(group["c"].Group.Synchronised);
        Assert.Equal(WriteRefusal.TooFewMembers, group["a"].Store.CheckWrite("cart:1"u8, 1));
        group.MessagesPerMillisecond = 4;
        group.RunUntilQuiet();
        Assert.Equal(WriteRefusal.None, group["a"].Store.CheckWrite("cart:1"u8, 1));
    }

    [Fact]
    public void A_lone_survivor_may_accept_and_it_is_counted()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1), WhenShort.Accept);
        group.Kill("b");
        group.Kill("c");
        ulong ticket = group["a"].Set("cart:1", "x");
        Assert.True(group["a"].Store.ResolvedThrough >= ticket);
        Assert.Equal(1, group["a"].Service.Publisher.AcceptedShort);
        MirrorServiceStatus status = Assert.Single(group["a"].Mirror.ReadStatus());
        MirrorClassStatus purchase = status.Classes.Single(static one => one.Class == RecordClass.Purchase);
        Assert.Equal((1, 0, 1L), (purchase.Acknowledgements, purchase.Available, purchase.HeldByNobodyElse));
    }

    [Fact]
    public void A_pending_write_is_answered_by_those_who_are_left_when_short_writes_are_accepted()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(2), WhenShort.Accept);
        group.Hold("a", "c");
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Run(5);
        Assert.True(group["a"].Store.ResolvedThrough < ticket);
        group.Kill("c");
        group.Run(1);
        Assert.True(group["a"].Store.ResolvedThrough >= ticket);
        Assert.Equal(1, group["a"].Service.Publisher.AcceptedShort);
    }

    [Fact]
    public void A_pending_write_stays_pending_when_the_class_insists()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(2));
        group.Hold("a", "c");
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Kill("c");
        group.Run(2000);
        Assert.True(group["a"].Store.ResolvedThrough < ticket);
        group.Start("c");
        group.Release("a", "c");
        group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, "c's new life acknowledges what it fetched");
    }

    [Fact]
    public void Wait_counts_members_and_asks_only_when_something_is_missing()
    {
        using MirrorCluster group = Group(default);
        group.Hold("a", "c");
        ulong ticket = group["a"].Set("k", "v");
        group.Run(2);
        Assert.Equal(1, group["a"].Store.AcknowledgedBy(ticket));
        int asked = group["a"].Group.AcknowledgeRequests;
        group["a"].Store.RequestAcknowledgement();
        Assert.Equal(asked + 1, group["a"].Group.AcknowledgeRequests);
        group.Release("a", "c");
        group.Run(2);
        Assert.Equal(2, group["a"].Store.AcknowledgedBy(ticket));
        group["a"].Store.RequestAcknowledgement();
        Assert.Equal(asked + 1, group["a"].Group.AcknowledgeRequests);
    }

    [Fact]
    public void Observers_hear_when_tickets_are_resolved()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        var observer = new Observer();
        group["a"].Store.Subscribe(observer);
        group["a"].Set("cart:1", "x");
        Assert.Equal(0, observer.Resolved);
        group.Run(2);
        Assert.True(observer.Resolved > 0);
    }

    [Fact]
    public void Status_tells_the_lag_and_what_would_be_lost()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group.RunUntilQuiet();
        group.Hold("a", "b");
        group.Hold("a", "c");
        for (int i = 0; i < 10; i++) group["a"].Set($"cart:{i}", "x");
        for (int i = 0; i < 5; i++) group["a"].Set($"login:{i}", "x");
        group.Run(30);
        MemberLag lag = group["a"].Mirror.LagOf(group["a"].MemberOf(group["b"])!);
        Assert.Equal(15, lag.Messages);
        Assert.InRange(lag.Bytes, 15 * 25, 15 * 60);
        Assert.InRange(lag.Milliseconds, 29, 31);
        Assert.Equal([0L, 5L, 0L, 10L], Losses(static one => one.HeldByNobodyElse));
        group.Release("a", "b");
        group.Run(2);
        Assert.Equal(default, group["a"].Mirror.LagOf(group["a"].MemberOf(group["b"])!));
        Assert.Equal([0L, 0L, 0L, 0L], Losses(static one => one.HeldByNobodyElse));

        long[] Losses(Func<MirrorClassStatus, long> select) => [.. group["a"].Mirror.ReadStatus()[0].Classes.Select(select)];
    }

    [Fact]
    public void A_batch_is_acknowledged_as_its_most_demanding_record()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group.Hold("a", "b");
        group.Hold("a", "c");
        group["a"].Store.BeginBatch();
        group["a"].Set("login:1", "x");
        group["a"].Set("cart:1", "x");
        group["a"].Set("login:2", "x");
        group["a"].Store.EndBatch();
        group.Run(2);
        Assert.True(group["a"].Store.ResolvedThrough < group["a"].Store.LastTicket - 2);
        group.Release("a", "b");
        group.Run(2);
        Assert.Equal(group["a"].Store.LastTicket, group["a"].Store.ResolvedThrough);
    }

    [Fact]
    public void Looking_at_what_the_members_have_applied_allocates_nothing()
    {
        using MirrorCluster group = Group(new AcknowledgementRule(1));
        group.Hold("a", "b");
        ulong ticket = group["a"].Set("cart:1", "x");
        group.Run(5);
        (StateMirror mirror, IServiceStore store) = (group["a"].Mirror, group["a"].Store);
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                mirror.OnProgress();
                store.AcknowledgedBy(ticket);
            }
        }, runs: 20));
    }

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

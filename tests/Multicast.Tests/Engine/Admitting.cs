using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Admitting
{
    [Fact]
    public void Two_nodes_admit_each_other()                                // P-31
    {
        using var group = TestGroup.Of(2);
        Assert.Equal([("b", MemberChange.Joined)], group["a"].Changes);
        Assert.Equal([("a", MemberChange.Joined)], group["b"].Changes);
        Assert.True(group["a"].Member("b").WaitedFor);
    }

    [Fact]
    public void A_stream_needs_a_setup_with_the_receivers_nonce()            // P-31
    {
        using var group = TestGroup.Empty();
        var recorded = new List<Packet>();
        group.Sees = p => recorded.Add(p);
        group.Start("a");
        var old = group.Start("b");
        group.Run(milliseconds: 300);
        group["a"].PublishNow("secret");
        group.Run(milliseconds: 20);
        group.Kill(old);
        group.Sees = static _ => { };

        var reborn = group.Start("b", incarnation: 2);
        var victim = reborn.Counters;
        group.Kill(group["a"]);
        foreach (var packet in recorded.Where(static p => p.From.Name == "a")) group.Inject(reborn, packet.Bytes, packet.Path, packet.From.EndPoint);
        group.Run(milliseconds: 2000);

        Assert.Empty(reborn.Runs);
        Assert.DoesNotContain(("a", MemberChange.Joined), reborn.Changes);
        Assert.True(victim.Dropped(DropReason.UnknownStream) > 0);
    }

    [Fact]
    public void A_setup_for_another_life_is_refused_by_its_nonce()           // P-31
    {
        using var group = TestGroup.Empty();
        byte[]? setup = null;
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Setup && p.To.Name == "b") setup ??= p.Bytes;
        };
        group.Start("a");
        group.Start("b");
        group.Run(milliseconds: 200);
        var other = group.Start("b", identity: static i => i with { Nonce = 4 });
        group.Inject(other, setup!);
        Assert.Equal(1, other.Counters.Dropped(DropReason.NonceMismatch));
    }

    [Fact]
    public void A_late_joiner_begins_at_the_current_position()               // P-36
    {
        using var group = TestGroup.Of(2);
        for (int i = 0; i < 10; i++)
        {
            group["a"].PublishNow($"early{i}");
            group.Run(milliseconds: 1);
        }
        var late = group.Start("c");
        group.Run(milliseconds: 300);
        group["a"].PublishNow("now");
        group.Run(milliseconds: 20);

        Assert.Equal([("a", 1UL, 10UL, GapReason.JoinedLate)], late.Gaps);
        Assert.Equal(["now"], late.Messages("a"));
        Assert.Equal(11UL, late.Member("a").DeliveredThrough);
    }

    [Fact]
    public void A_joiner_never_begins_inside_a_run()                         // P-36
    {
        using var group = TestGroup.Of(2);
        group["a"].Publish(new byte[3000], PublishOptions.BatchContinues, out _);
        var late = group.Start("c");
        group.Run(milliseconds: 300);
        group["a"].Publish(new byte[3000], PublishOptions.None, out _);
        group["a"].Flush();
        group.Run(milliseconds: 100);
        Assert.Equal(2, Assert.Single(late.Runs).Messages.Length);
        Assert.Empty(late.Gaps);
    }

    [Fact]
    public void A_restarted_node_is_admitted_once_its_old_life_is_silent()   // P-33
    {
        using var group = TestGroup.Of(3);
        group.Kill(group["b"]);
        var died = group.Now;
        var reborn = group.Start("b", incarnation: 2);
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Left)), 2000));
        Assert.True(group.Now - died >= TimeSpan.FromMilliseconds(200), "too early");
        group.Run(milliseconds: 500);

        Assert.Equal(2UL, group["a"].Member("b").Incarnation);
        Assert.Equal(MemberState.Live, group["a"].Member("b").State);
        Assert.Equal(["b", "b", "b", "b"], group["a"].Changes.Where(static c => c.Member == "b").Select(static c => c.Member));
        Assert.Equal(2, reborn.Changes.Count(static c => c.Change == MemberChange.Joined));
    }

    [Fact]
    public void A_clone_is_refused_and_learns_where_the_other_is()           // P-33, P-35, P-38
    {
        using var group = TestGroup.Of(3);
        var clone = group.Start("b", incarnation: 2);
        group.Run(milliseconds: 1500);

        Assert.Equal(1UL, group["a"].Member("b").Incarnation);
        Assert.True(group["a"].Counters.Dropped(DropReason.NodeAlive) > 0);
        Assert.Equal(RefusalReason.NodeAlive, clone.Engine.LastRefusal!.Reason);
        Assert.Equal(group.Nodes[1].EndPoint, clone.Engine.LastRefusal.Address);
        Assert.DoesNotContain(clone.Changes, static c => c.Change == MemberChange.Joined);
        Assert.True(group.Nodes[1].Counters.ClonesSeen > 0);
    }

    [Fact]
    public void Two_clones_without_a_third_node_tell_each_other()            // P-35
    {
        using var group = TestGroup.Empty();
        group.Start("a");
        group.Start("a", incarnation: 1, identity: static i => i with { Salt = 4711 });
        group.Run(milliseconds: 500);
        Assert.All(group.Nodes, static n => Assert.True(n.Counters.ClonesSeen > 0));
        Assert.All(group.Nodes, static n => Assert.Equal(RefusalReason.NodeAlive, n.Engine.LastRefusal?.Reason));
        Assert.Equal(group.Nodes[0].EndPoint, group.Nodes[1].Engine.LastRefusal!.Address);
    }

    [Fact]
    public void An_incarnation_that_is_not_larger_is_refused()               // P-34
    {
        using var group = TestGroup.Empty();
        group.Start("a");
        group.Start("b", incarnation: 5);
        group.Run(milliseconds: 300);
        group.Kill(group["b"]);
        group.Run(milliseconds: 500);
        var stale = group.Start("b", incarnation: 4);
        group.Run(milliseconds: 500);
        Assert.Equal(RefusalReason.StaleIncarnation, stale.Engine.LastRefusal!.Reason);
        Assert.Equal(5UL, stale.Engine.LastRefusal.Incarnation);
    }

    [Fact]
    public void A_recorded_SETUP_does_not_bring_back_who_said_goodbye()      // P-34
    {
        using var group = TestGroup.Empty();
        Packet? setup = null;
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Setup && p.From.Name == "b" && p.To.Name == "a") setup = p;
        };
        group.Start("a");
        group.Start("b");
        group.Run(milliseconds: 300);
        group["b"].Leave();
        group.RunUntil(() => group["a"].Engine.Members.Count == 0);
        group.Kill(group["b"]);
        group.Inject(group["a"], setup!.Bytes, ReceivePath.Unicast, setup.From.EndPoint);
        Assert.Empty(group["a"].Engine.Members);
    }

    [Fact]
    public void A_node_whose_stream_is_still_completed_waits_with_its_new_life()     // P-34
    {
        using var group = TestGroup.Of(3, static o => o with { GiveUpAfter = TimeSpan.FromSeconds(1) });
        group.Loses = static p => p.To.Name != "b" && p.Type is DatagramType.Data;
        group["b"].PublishNow("lost for all");
        group.Loses = static p => p.To.Name != "b" && p.Type is DatagramType.Data or DatagramType.Repair;
        group.Run(milliseconds: 5);
        group.Kill(group["b"]);
        var died = group.Now;
        group.Start("b", incarnation: 2);
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Left)), 5000));
        Assert.True(group.Now - died >= TimeSpan.FromSeconds(1));
        Assert.Equal([("b", 1UL, 1UL, GapReason.Gone)], group["a"].Gaps);
    }

    [Fact]
    public void Settings_must_be_equal()                                    // P-37
    {
        using var group = TestGroup.Of(2);
        var other = group.Start("c", configure: static o => o with { MaxMessageBytes = 128 << 10 });
        group.Run(milliseconds: 500);
        Assert.Equal(RefusalReason.SettingsDiffer, other.Engine.LastRefusal!.Reason);
        Assert.True(group["a"].Counters.Dropped(DropReason.Incompatible) > 0);
    }

    [Fact]
    public void The_group_writes_the_lowest_common_version()                 // P-30, P-32
    {
        using var group = TestGroup.Empty();
        group.Start("a", configure: static o => o with { MaxWireVersion = 3 });
        group.Start("b", configure: static o => o with { MaxWireVersion = 2 });
        group.Run(milliseconds: 500);
        Assert.Equal((2, 2), (group["a"].Engine.WireVersion, group["b"].Engine.WireVersion));
        group["a"].PublishNow("in version 2");

        var old = group.Start("c", configure: static o => o with { MaxWireVersion = 1 });
        group.Run(milliseconds: 500);
        Assert.All(group.Nodes, static n => Assert.Equal(1, n.Engine.WireVersion));
        group["a"].PublishNow("in version 1");
        group.Run(milliseconds: 50);
        Assert.Equal(["in version 1"], old.Messages("a"));
        Assert.Equal(["in version 2", "in version 1"], group["b"].Messages("a"));

        old.Leave();
        group.Run(milliseconds: 500);
        Assert.Equal((2, 2), (group["a"].Engine.WireVersion, group["b"].Engine.WireVersion));
        group["b"].PublishNow("again in 2");
        group.Run(milliseconds: 50);
        Assert.Equal(["again in 2"], group["a"].Messages("b"));
    }

    [Fact]
    public void Versions_that_do_not_overlap_are_refused()                   // P-30
    {
        using var group = TestGroup.Of(2);
        var next = group.Start("c", configure: static o => o with { MinWireVersion = 9, MaxWireVersion = 9 });
        group.Run(milliseconds: 300);
        Assert.Equal(RefusalReason.WireVersion, next.Engine.LastRefusal!.Reason);
    }

    [Fact]
    public void Joiners_that_never_answer_are_forgotten()                    // P-39
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.To.Name is "c" || p.Type is DatagramType.Setup;
        group.Start("c");
        group.Run(milliseconds: 300);
        Assert.Equal(MemberState.Joining, group["a"].Member("c").State);
        group.Kill(group["c"]);
        group.Run(milliseconds: 6000);
        Assert.DoesNotContain(group["a"].Engine.Members, static m => m.Name == "c");
        Assert.DoesNotContain(group["a"].Changes, static c => c.Member == "c");
    }

    [Fact]
    public void A_full_group_refuses_and_forgets_the_lost_first()            // P-39
    {
        using var group = TestGroup.Of(3, static o => o with { MaxMembers = 2 });
        var fourth = group.Start("d");
        group.Run(milliseconds: 300);
        Assert.Equal(RefusalReason.GroupFull, fourth.Engine.LastRefusal!.Reason);
        group.Kill(group["c"]);
        Assert.True(group.RunUntil(() => group["a"].Engine.Members.Any(static m => m.Name == "d" && m.State == MemberState.Live), 8000));
        Assert.DoesNotContain(group["a"].Engine.Members, static m => m.Name == "c");
    }

    [Fact]
    public void Strangers_are_opened_at_a_bounded_rate()                     // P-39
    {
        using var group = TestGroup.Of(2);
        using var wrong = new StreamCipher(new byte[32], 1, NodeId.FromName("z"), 1, 0);
        for (ulong i = 1; i <= 200; i++) group.Inject(group["a"], Wire.WireBytes.Datagram(DatagramType.Join, Wire.WireBytes.Join(), wrong, i, node: NodeId.FromName("z")));
        Assert.Equal(64, group["a"].Counters.Dropped(DropReason.NotAuthentic));
        Assert.Equal(136, group["a"].Counters.Dropped(DropReason.Overload));
    }
}

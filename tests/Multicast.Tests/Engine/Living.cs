using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Living
{
    [Fact]
    public void A_silent_member_is_suspected_after_dead_after()              // P-81
    {
        using var group = TestGroup.Of(3);
        group.Kill(group["b"]);
        var died = group.Now;
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Suspected)), 1000));
        Assert.InRange((group.Now - died).TotalMilliseconds, 180, 215);
        Assert.False(group["a"].Member("b").WaitedFor);
        Assert.Equal(MemberState.Live, group["a"].Member("c").State);
    }

    [Fact]
    public void Heartbeats_alone_keep_a_member_alive()                       // P-80
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.Path != ReceivePath.Heartbeat;
        group.Run(milliseconds: 2000);
        Assert.DoesNotContain(group["a"].Changes, static c => c.Change == MemberChange.Suspected);
    }

    [Fact]
    public void Repairs_by_others_are_no_sign_of_life()                      // P-81
    {
        using var group = TestGroup.Of(3);
        byte[]? data = null;
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Data) data = p.Bytes;
        };
        group.Loses = static p => p.To.Name == "b" && p.From.Name == "a";
        byte[] repair = new byte[2000];
        for (int i = 0; i < 30; i++)
        {
            group["a"].PublishNow("x");
            int length = DatagramPrefix.WriteRepair(repair, 1, Wire.WireBytes.Group, data!);
            group.Inject(group["b"], repair[..length], ReceivePath.Unicast, group["c"].EndPoint);
            group.Run(milliseconds: 10);
        }
        Assert.True(group["b"].Runs.Count >= 20);
        Assert.Equal(MemberState.Suspected, group["b"].Member("a").State);
    }

    [Fact]
    public void A_node_that_did_not_run_itself_suspects_nobody()             // P-82
    {
        using var group = TestGroup.Of(3);
        group["a"].IsFrozen = true;
        group.Run(milliseconds: 3000);
        group["a"].SocketBuffer.Clear();
        group["a"].IsFrozen = false;
        group.Run(milliseconds: 100);
        Assert.DoesNotContain(group["a"].Changes, static c => c.Change == MemberChange.Suspected);
        Assert.True(group["a"].Counters.LateTicks > 0);
        group.Kill(group["b"]);
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Suspected)), 230));
    }

    [Theory]
    [InlineData((byte)ReceivePath.Heartbeat)]
    [InlineData((byte)ReceivePath.Group)]
    public void What_waited_in_the_sockets_during_a_pause_makes_no_member_live_longer_than_dead_after(byte path)            // P-82
    {
        using var group = TestGroup.Of(3);
        group["a"].IsFrozen = true;
        group.Run(milliseconds: 3000);
        group.Kill(group["b"]);
        group["a"].SocketBuffer.RemoveAll(p => p.From.Name == "b" && p.Path != (ReceivePath)path);
        Assert.NotEmpty(group["a"].SocketBuffer);
        group["a"].IsFrozen = false;
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Suspected)), 230));
        Assert.Equal(MemberState.Live, group["a"].Member("c").State);
    }

    [Fact]
    public void Heartbeats_read_late_and_stamped_early_suspect_nobody()      // P-82
    {
        using var group = TestGroup.Of(2);
        var heartbeats = new List<Packet>();
        var paused = group.Now;
        group["a"].IsFrozen = true;
        group.Run(milliseconds: 3000);
        heartbeats.AddRange(group["a"].SocketBuffer.Where(static p => p.Path == ReceivePath.Heartbeat));
        group["a"].SocketBuffer.RemoveAll(heartbeats.Contains);
        group["a"].IsFrozen = false;
        var sink = group["a"].Sink;
        group["a"].Engine.OnDatagram(paused + TimeSpan.FromMilliseconds(20), 0, heartbeats[0].Bytes, group["b"].EndPoint, ReceivePath.Heartbeat, ref sink);
        group.Run(milliseconds: 15);
        Assert.DoesNotContain(group["a"].Changes, static c => c.Change == MemberChange.Suspected);
    }

    [Fact]
    public void A_goodbye_read_after_a_pause_is_carried_out_at_once()        // P-82, P-86
    {
        using var group = TestGroup.Of(3);
        group["a"].IsFrozen = true;
        group.Run(milliseconds: 3000);
        group["b"].Leave();
        group.Run(milliseconds: 100);
        group.Kill(group["b"]);
        group["a"].IsFrozen = false;
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Left)), 50));
    }

    [Fact]
    public void Without_a_link_suspicion_is_quicker()                       // P-83
    {
        using var group = TestGroup.Of(2);
        group.Loses = static _ => true;
        group["a"].Engine.OnLinkChanged(group.Now, up: false);
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Suspected)), 85));
        Assert.Equal(MemberState.Live, group["b"].Member("a").State);
        group.Loses = static _ => false;
        group["a"].Engine.OnLinkChanged(group.Now, up: true);
        Assert.True(group.RunUntil(() => group["a"].Changes.Contains(("b", MemberChange.Restored)), 30));
    }

    [Fact]
    public void Beats_measure_round_trip_and_clock()                        // P-84
    {
        using var group = TestGroup.Empty();
        group.Delay = TimeSpan.FromMilliseconds(2);
        group.Start("a");
        group.Start("b").WallOffset = 5000;
        group.Run(milliseconds: 2000);
        Assert.InRange(group["a"].Member("b").RoundTrip.TotalMilliseconds, 3.9, 4.3);
        Assert.InRange(group["a"].Member("b").ClockOffsetMilliseconds, 4998, 5002);
        Assert.InRange(group["b"].Member("a").ClockOffsetMilliseconds, -5002, -4998);
    }

    [Fact]
    public void After_a_burst_probes_follow_until_all_is_reported()          // P-85
    {
        using var group = TestGroup.Of(2);
        group.Run(milliseconds: 300);
        var probes = new List<Timestamp>();
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Probe && p.From.Name == "a" && p.Path == ReceivePath.Group) probes.Add(group.Now);
        };
        group["a"].Publish([1], PublishOptions.AcknowledgeNow, out _);
        group["a"].Flush();
        var sent = group.Now;
        group.Run(milliseconds: 9);
        Assert.DoesNotContain(probes, p => p - sent < TimeSpan.FromMilliseconds(9) && p - sent > TimeSpan.Zero && probes.Count > 1);
        probes.Clear();
        group.Loses = static p => p.Type == DatagramType.Report;
        group["a"].PublishNow("x");
        sent = group.Now;
        group.Run(milliseconds: 9);
        Assert.InRange(probes.Count, 3, 4);
        Assert.InRange((probes[0] - sent).TotalMilliseconds, 0.1, 1.3);
    }

    [Fact]
    public void Who_leaves_is_let_go_when_its_stream_is_complete()           // P-86
    {
        using var group = TestGroup.Of(3);
        group.Loses = static p => p.Type == DatagramType.Data && p.To.Name == "b";
        group["a"].Publish("last words");
        group["a"].Leave();
        group.Loses = static _ => false;
        Assert.True(group.RunUntil(() => group["b"].Changes.Contains(("a", MemberChange.Left)) && group["c"].Changes.Contains(("a", MemberChange.Left)), 200));
        Assert.Equal(["last words"], group["b"].Messages("a"));
        Assert.DoesNotContain(("a", MemberChange.Suspected), group["b"].Changes);
        Assert.Single(group["b"].Engine.Members);
        Assert.True(group.RunUntil(() => group["a"].Engine.IsDrained, 200));
        Assert.False(group["a"].Publish("too late"));
        Assert.Equal(0, group["a"].Engine.PublishableBytes);          // whoever asks first does not even try
    }

    [Fact]
    public void Who_left_comes_back_at_once_in_a_new_life()                  // P-86, P-33
    {
        using var group = TestGroup.Of(2);
        group["b"].Leave();
        group.Run(milliseconds: 100);
        group.Kill(group["b"]);
        group.Start("b", incarnation: 2);
        Assert.True(group.RunUntil(() => group["a"].Engine.Members.Any(static m => m.Incarnation == 2 && m.State == MemberState.Live), 100));
    }

    [Fact]
    public void A_suspected_member_that_is_heard_again_goes_on_where_it_was() // P-87
    {
        using var group = TestGroup.Of(3);
        group["a"].PublishNow("before");
        group.Run(milliseconds: 50);
        group.Loses = static p => p.From.Name == "a" || p.To.Name == "a";
        group["a"].PublishNow("during");
        group.Run(milliseconds: 1000);
        Assert.Equal(MemberState.Suspected, group["b"].Member("a").State);
        group.Loses = static _ => false;
        group.Run(milliseconds: 300);
        group["a"].PublishNow("after");
        group.Run(milliseconds: 100);

        Assert.Contains(("a", MemberChange.Restored), group["b"].Changes);
        Assert.Equal(["before", "during", "after"], group["b"].Messages("a"));
        Assert.Empty(group["b"].Gaps);
        Assert.Equal(1, group["b"].Changes.Count(static c => c == ("a", MemberChange.Joined)));
        Assert.True(group["a"].Member("b").WaitedFor);                        // P-75: it lacks nothing
    }

    [Fact]
    public void An_older_state_changes_nothing()                            // P-88
    {
        using var group = TestGroup.Of(2);
        var held = new List<Packet>();
        group.Loses = p =>
        {
            if (p.From.Name != "b" || p.Type is not (DatagramType.Probe or DatagramType.Report)) return false;
            held.Add(p);
            return true;
        };
        group.Run(milliseconds: 60);
        Assert.NotEmpty(held);
        Packet[] old = [.. held];
        group.Loses = static _ => false;
        group["b"].Engine.DeclareSynchronised(true);
        group.Run(milliseconds: 10);
        foreach (var packet in old) group.Inject(group["a"], packet.Bytes, packet.Path, packet.From.EndPoint);
        Assert.True(group["a"].Member("b").Synchronised);
        Assert.Equal(1, group["a"].Changes.Count(static c => c.Change == MemberChange.SynchronisedChanged));
    }

    [Fact]
    public void A_partition_that_heals_loses_nothing_that_is_still_held()    // P-66, P-87
    {
        using var group = TestGroup.Of(4);
        static bool Side(TestNode n) => n.Name is "a" or "b";
        group.Loses = static p => Side(p.From) != Side(p.To);
        for (int i = 0; i < 100; i++)
        {
            group["a"].PublishNow($"a{i}");
            group["d"].PublishNow($"d{i}");
            group.Run(milliseconds: 20);
        }
        group.Loses = static _ => false;
        group.Run(milliseconds: 1000);
        Assert.All(group.Nodes, n => Assert.Empty(n.Gaps));
        Assert.All((string[])["b", "c", "d"], n => Assert.Equal(100, group[n].Messages("a").Count()));
        Assert.All((string[])["a", "b", "c"], n => Assert.Equal(100, group[n].Messages("d").Count()));
        Assert.All(group.Nodes, static n => Assert.All(n.Engine.Members, static m => Assert.Equal(MemberState.Live, m.State)));
    }
}

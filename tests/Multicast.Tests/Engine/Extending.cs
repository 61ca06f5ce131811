using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>What the layer above says in beats.</summary>
public sealed class Extending
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void Every_beat_carries_the_extension_to_all()                    // P-100
    {
        using var group = TestGroup.Of(3);
        group["a"].Engine.PublishBeatExtension("a speaks"u8, Timestamp.Never, hurry: false);
        Forget(group);
        group.Run(milliseconds: 200);
        foreach (string name in new[] { "b", "c" })
        {
            Assert.True(group[name].Beats.Count(static b => b.From == "a") >= 9);
            Assert.All(group[name].Beats.Where(static b => b.From == "a"), static b => Assert.Equal("a speaks", b.Extension));
            Assert.All(group[name].Beats.Where(static b => b.From != "a"), static b => Assert.Equal("", b.Extension));
        }
    }

    [Fact]
    public void An_extension_costs_no_datagram_of_its_own()                  // P-100
    {
        int Datagrams(Action<TestGroup> act)
        {
            using var group = TestGroup.Of(3);
            int sent = 0;
            group.Sees = _ => sent++;
            for (int i = 0; i < 200; i++)
            {
                act(group);
                group.Run(milliseconds: 10);
            }
            return sent;
        }

        Assert.Equal(Datagrams(static _ => { }), Datagrams(static g => g["a"].Engine.PublishBeatExtension("says"u8, Timestamp.Never, hurry: false)));
    }

    [Fact]
    public void The_longest_extension_fits_beside_the_entries_of_fifteen_members()   // P-101
    {
        Assert.True(BeatView.MaxEntries(1200) >= 15);
        using var group = TestGroup.Of(9, static o => o with { DatagramBytes = 1200 });
        byte[] longest = [.. Enumerable.Repeat((byte)'x', BeatView.MaxExtensionBytes)];
        group["a"].Engine.PublishBeatExtension(longest, Timestamp.Never, hurry: false);
        int tooLong = 0;
        group.Sees = p => tooLong += p.Bytes.Length > 1200 ? 1 : 0;
        Forget(group);
        group.Run(milliseconds: 100);
        var heard = group["b"].Beats.Last(static b => b.From == "a");
        Assert.Equal(BeatView.MaxExtensionBytes, heard.Extension.Length);
        Assert.NotEqual(0UL, heard.EchoedSent);
        Assert.Equal(0, tooLong);
        Assert.Throws<ArgumentException>(() => group["a"].Engine.PublishBeatExtension(new byte[BeatView.MaxExtensionBytes + 1], Timestamp.Never, hurry: false));
    }

    [Fact]
    public void What_has_expired_is_left_out_also_while_the_loop_hangs()     // P-102
    {
        using var group = TestGroup.Of(2);
        var engine = group["a"].Engine;
        var until = group.Now + TimeSpan.FromMilliseconds(50);
        engine.PublishBeatExtension("I may act"u8, until, hurry: false);
        byte[] before = new byte[1500], after = new byte[1500];
        int longer = engine.Heartbeats.TryWrite(new Timestamp(until.Nanoseconds - 1), 0, before);
        int shorter = engine.Heartbeats.TryWrite(until, 0, after);               // nothing but the heartbeat thread has run since
        Assert.Equal(longer - "I may act"u8.Length, shorter);
        Forget(group);
        group.Run(milliseconds: 200);
        var beats = group["b"].Beats.Where(static b => b.From == "a").ToList();
        Assert.All(beats.Where(b => b.Sent < (ulong)until.Nanoseconds), static b => Assert.Equal("I may act", b.Extension));
        Assert.All(beats.Where(b => b.Sent >= (ulong)until.Nanoseconds), static b => Assert.Equal("", b.Extension));
        Assert.Contains(beats, b => b.Sent >= (ulong)until.Nanoseconds);
    }

    [Fact]
    public void A_beat_is_told_with_its_times_and_the_echo_of_ours()         // P-103
    {
        using var group = TestGroup.Of(2);
        group["b"].WallOffset = 5000;
        Forget(group);
        group.Run(milliseconds: 300);
        var beat = group["b"].Beats[^1];
        Assert.Equal((long)beat.Sent + 100_000, beat.ReceivedAt.Nanoseconds);   // the test network takes 100 us
        long since = (long)beat.Sent - (long)beat.HeldMicroseconds * 1000 - (long)beat.EchoedSent;
        Assert.InRange(since, 99_000, 102_000);
        Assert.Contains(group["b"].Beats, static b => b.EchoedSent > 0);
    }

    [Fact]
    public void Whoever_is_heard_by_one_path_alone_is_heard()                // P-103
    {
        using var group = TestGroup.Of(2);
        group["a"].Engine.PublishBeatExtension("here"u8, Timestamp.Never, hurry: false);
        group.Loses = static p => p.Path != ReceivePath.Unicast;
        Forget(group);
        group.Run(milliseconds: 500);
        Assert.True(group["b"].Beats.Count >= 8);
        Assert.All(group["b"].Beats, static b => Assert.Equal("here", b.Extension));
    }

    [Fact]
    public void In_a_hurry_it_leaves_at_once()                               // P-104
    {
        using var group = TestGroup.Of(3);
        group.Run(milliseconds: 5);
        Forget(group);
        var said = group.Now;
        group["a"].Engine.PublishBeatExtension("now"u8, said + Second, hurry: true);
        Assert.True(group.RunUntil(() => group["b"].Beats.Exists(static b => b.Extension == "now") && group["c"].Beats.Exists(static b => b.Extension == "now"), 100));
        Assert.True(group.Now - said <= group.Delay);
    }

    private static void Forget(TestGroup group)
    {
        foreach (var node in group.Nodes) node.Beats.Clear();
    }
}

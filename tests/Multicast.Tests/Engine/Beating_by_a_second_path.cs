using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>Heartbeats on a second network: they tell that a member lives, and no more.</summary>
public sealed class Beating_by_a_second_path
{
    [Fact]
    public void Who_is_heard_by_it_alone_goes_on_saying_what_it_says_and_is_suspected_all_the_same()   // P-99
    {
        using var group = TestGroup.Of(2);
        TestNode a = group["a"], b = group["b"];
        a.Engine.PublishBeatExtension("I serve"u8, Timestamp.Never, hurry: false);
        group.Loses = static _ => true;
        Beat(group, rounds: 40);

        Assert.Contains(("a", MemberChange.Suspected), b.Changes);
        Assert.False(b.Member("a").WaitedFor);
        Assert.InRange((group.Now - b.Member("a").LastHeardBySecondPath!.Value).TotalMilliseconds, 0, 20);
        var heard = b.Beats.Last();
        Assert.Equal(("a", "I serve"), (heard.From, heard.Extension));
        Assert.InRange((group.Now - new Timestamp((long)heard.EchoedSent)).TotalMilliseconds, 0, 100);       // a has heard b by it, too

        group.Loses = static _ => false;
        Assert.True(group.RunUntil(() => b.Changes.Contains(("a", MemberChange.Restored)), 200));
        a.PublishNow("again");
        Assert.True(group.RunUntil(() => b.Messages("a").Contains("again"), 200));
    }

    [Fact]
    public void While_the_first_path_works_its_round_trips_are_told_and_its_beats_echoed()   // P-99
    {
        using var group = TestGroup.Of(2);
        group.Delay = TimeSpan.FromMilliseconds(2);
        Beat(group, rounds: 40);
        Assert.InRange(group["a"].Member("b").RoundTrip.TotalMilliseconds, 3.9, 4.3);
        Assert.DoesNotContain(group["b"].Changes, static change => change.Change == MemberChange.Suspected);
    }

    [Fact]
    public void A_beat_counts_once_whatever_path_it_takes()   // P-99
    {
        using var group = TestGroup.Of(2);
        byte[] beat = BeatOf(group, group["a"]);
        long before = group["b"].Counters.Dropped(DropReason.Replayed);
        group.Inject(group["b"], beat, ReceivePath.Second);
        int told = group["b"].Beats.Count;
        group.Inject(group["b"], beat, ReceivePath.Second);
        group.Inject(group["b"], beat, ReceivePath.Heartbeat);
        Assert.Equal(told, group["b"].Beats.Count);
        Assert.Equal(before + 2, group["b"].Counters.Dropped(DropReason.Replayed));
    }

    [Fact]
    public void Nothing_but_beats_is_taken_there()   // P-99
    {
        using var group = TestGroup.Of(2);
        var others = new List<byte[]>();
        group.Sees = packet =>
        {
            if (packet.To == group["b"] && packet.Type != DatagramType.Heartbeat) others.Add(packet.Bytes);
        };
        group.Loses = static _ => true;
        group["a"].PublishNow("data");
        group.Run(milliseconds: 100);
        Assert.NotEmpty(others);
        long before = group["b"].Counters.Dropped(DropReason.Malformed);
        foreach (byte[] datagram in others) group.Inject(group["b"], datagram, ReceivePath.Second);
        Assert.Equal(before + others.Count, group["b"].Counters.Dropped(DropReason.Malformed));
        Assert.Empty(group["b"].Messages("a"));
        Assert.Null(group["b"].Member("a").LastHeardBySecondPath);
    }

    // Ten milliseconds a round, both ways.
    private static void Beat(TestGroup group, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            byte[] ofA = BeatOf(group, group["a"]), ofB = BeatOf(group, group["b"]);
            group.Inject(group["b"], ofA, ReceivePath.Second);
            group.Inject(group["a"], ofB, ReceivePath.Second);
            group.Run(milliseconds: 10);
        }
    }

    private static byte[] BeatOf(TestGroup group, TestNode node)
    {
        byte[] beat = new byte[2048];
        int length = node.Engine.Heartbeats.TryWrite(group.Now, node.Wall, beat);
        return beat[..length];
    }
}

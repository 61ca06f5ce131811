using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Packing
{
    [Fact]
    public void Small_messages_share_a_datagram()                           // P-20
    {
        using var group = TestGroup.Of(2);
        var data = Watch(group);
        for (int i = 0; i < 13; i++) group["a"].Publish(new string('x', 100));
        group["a"].Flush();
        group.Run(milliseconds: 1);

        Assert.Single(data);
        Assert.Single(group["b"].Runs);
        Assert.Equal(13, group["b"].Runs[0].Messages.Length);
    }

    [Fact]
    public void A_message_that_fits_into_one_datagram_is_not_cut()           // P-20
    {
        using var group = TestGroup.Of(2);
        var data = Watch(group);
        for (int i = 0; i < 10; i++) group["a"].Publish(new string('x', 1000));
        group["a"].Flush();
        group.Run(milliseconds: 1);

        Assert.Equal(10, data.Count);
        Assert.All(group["b"].Runs, static r => Assert.Single(r.Messages));
    }

    [Fact]
    public void Only_the_last_datagram_of_a_send_is_short()                  // P-21: what UDP_SEGMENT asks for
    {
        using var group = TestGroup.Of(2);
        var data = Watch(group);
        for (int i = 0; i < 30; i++) group["a"].Publish(new string('x', 500));
        group["a"].Flush();

        int full = TestGroup.Options.DatagramBytes - DatagramHeader.PrefixBytes;
        Assert.All(data[..^1], p => Assert.Equal(full, p.Bytes.Length));
        Assert.InRange(data[^1].Bytes.Length, 500, full);
        Assert.All(data, static p => Assert.True(p.Bytes.Length + 8 <= TestGroup.Options.DatagramBytes));      // P-08
    }

    [Fact]
    public void Nothing_is_sealed_or_sent_until_somebody_is_met()            // P-29
    {
        using var group = TestGroup.Empty();
        var data = Watch(group);
        var a = group.Start("a");
        for (int i = 0; i < 500; i++) a.Publish(new string('x', 1000));
        a.Flush();
        group.Run(milliseconds: 10);
        ulong before = a.Engine.PublishedThrough;

        Assert.Empty(data);
        Assert.Equal(500UL, before);
        var b = group.Start("b");
        Assert.True(group.RunUntil(() => b.Engine.Members.Any(static m => m.State == MemberState.Live), 2000));
        group.Run(milliseconds: 100);
        a.Publish("heard");
        a.Flush();
        group.Run(milliseconds: 10);
        Assert.Equal(before + 1, a.Engine.PublishedThrough);
        Assert.Equal(["heard"], b.Runs.SelectMany(static run => run.Messages));
        Assert.All(b.Gaps, static gap => Assert.Equal(GapReason.JoinedLate, gap.Reason));
        Assert.Equal(0, a.Engine.Counters.GoneSent);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1407)]
    [InlineData(1408)]                                                     // exactly one datagram: 1472 - 8 - 36 - 16 - 4
    [InlineData(1409)]
    [InlineData(2820)]
    [InlineData(100_000)]
    [InlineData(256 << 10)]
    public void A_message_of_any_size_arrives_whole(int length)              // P-21, P-24
    {
        using var group = TestGroup.Of(2);
        string message = string.Concat(Enumerable.Range(0, length).Select(static i => (char)('a' + i % 26)));
        Assert.True(group["a"].Publish("before"));
        Assert.True(group["a"].Publish(message));
        Assert.True(group["a"].Publish("after"));
        group["a"].Flush();
        group.Run(milliseconds: 50);

        Assert.Equal(["before", message, "after"], group["b"].Messages("a"));
    }

    [Fact]
    public void A_message_too_long_is_refused_before_anything_happens()      // P-28
    {
        using var group = TestGroup.Of(2);
        Assert.Throws<ArgumentException>(() => group["a"].Publish(new string('x', (256 << 10) + 1)));
        Assert.True(group["a"].Publish("first", PublishOptions.BatchContinues));
        Assert.Throws<ArgumentException>(() => group["a"].Publish(new string('x', 256 << 10)));
        Assert.True(group["a"].Publish("last"));
        group["a"].Flush();
        group.Run(milliseconds: 10);
        Assert.Equal(["first", "last"], Assert.Single(group["b"].Runs).Messages);
    }

    [Theory]
    [InlineData(3, 10)]
    [InlineData(40, 100)]
    [InlineData(100, 2000)]
    public void A_batch_is_one_run_even_across_datagrams(int messages, int length)       // P-24
    {
        using var group = TestGroup.Of(2);
        group["a"].Publish("before");
        for (int i = 0; i < messages; i++) group["a"].Publish($"{i}:" + new string('x', length), i < messages - 1 ? PublishOptions.BatchContinues : PublishOptions.None);
        group["a"].Publish("after");
        group["a"].Flush();
        group.Run(milliseconds: 50);

        var run = group["b"].Runs.Single(r => r.Messages.Any(static m => m.StartsWith("0:", StringComparison.Ordinal)));
        Assert.Equal(messages, run.Messages.Count(static m => m.Contains(':', StringComparison.Ordinal)));
        Assert.Equal(["before", .. Enumerable.Range(0, messages).Select(i => $"{i}:" + new string('x', length)), "after"], group["b"].Messages("a"));
    }

    [Fact]
    public void An_open_batch_does_not_leave()                              // P-24
    {
        using var group = TestGroup.Of(2);
        group["a"].Publish("1", PublishOptions.BatchContinues);
        group["a"].Flush();
        group.Run(milliseconds: 20);
        Assert.Empty(group["b"].Runs);
        group["a"].PublishNow("2");
        group.Run(milliseconds: 20);
        Assert.Equal(["1", "2"], Assert.Single(group["b"].Runs).Messages);
    }

    [Fact]
    public void After_a_run_of_several_datagrams_a_new_one_begins()          // P-25
    {
        using var group = TestGroup.Of(2);
        for (int i = 0; i < 20; i++)
        {
            group["a"].Publish(new string('y', 2000));
            group["a"].Publish("small");
        }
        group["a"].Flush();
        group.Run(milliseconds: 20);
        Assert.Equal(40, group["b"].Runs.Count);
    }

    [Fact]
    public void A_packed_message_leaves_at_the_flush_deadline()              // P-22
    {
        using var group = TestGroup.Of(2);
        var data = Watch(group);
        group["a"].Publish("x");
        var published = group.Now;
        Assert.True(group.RunUntil(() => data.Count > 0, 5));
        Assert.Equal(TimeSpan.FromMicroseconds(50), group.Now - published);
    }

    [Fact]
    public void A_full_run_leaves_without_a_flush()                         // P-22
    {
        using var group = TestGroup.Of(2);
        var data = Watch(group);
        for (int i = 0; i < 46; i++) group["a"].Publish(new string('x', 1400));
        Assert.Equal(44, data.Count);
    }

    [Fact]
    public void The_sequence_is_that_of_the_datagram_which_ends_the_message()       // P-27
    {
        using var group = TestGroup.Of(2);
        group["a"].Publish(new byte[10], PublishOptions.None, out ulong first);
        group["a"].Publish(new byte[5000], PublishOptions.None, out ulong large);
        group["a"].Publish(new byte[10], PublishOptions.None, out ulong last);
        Assert.Equal((1UL, 5UL, 6UL), (first, large, last));
        Assert.Equal(5UL, group["a"].Engine.PublishedThrough);
        group["a"].Flush();
        Assert.Equal(6UL, group["a"].Engine.PublishedThrough);
        group.Run(milliseconds: 5);
        Assert.Equal([1UL, 5UL, 6UL], group["b"].Runs.Select(static r => r.Through));
    }

    [Fact]
    public void A_batch_that_has_begun_can_end_although_the_window_is_full()        // P-26, P-77
    {
        using var group = TestGroup.Of(2);
        group.Loses = static p => p.Type is DatagramType.Report;
        byte[] message = new byte[1400];
        int published = 0;
        while (group["a"].Publish(message, PublishOptions.None, out _)) published++;
        Assert.InRange(published, 100, 512 + 60);
        Assert.False(group["a"].Publish(message, PublishOptions.BatchContinues, out _));
        Assert.Equal(0, group["a"].Engine.PublishableBytes);

        group.Loses = static _ => false;
        Assert.True(group.RunUntil(() => group["a"].Opened == 1, 100));
        Assert.True(group["a"].Publish(message, PublishOptions.BatchContinues, out _));
        for (int i = 0; i < 150; i++) Assert.True(group["a"].Publish(message, PublishOptions.BatchContinues, out _));
        Assert.True(group["a"].Publish(message, PublishOptions.None, out _));
        group["a"].Flush();
        Assert.True(group.RunUntil(() => group["b"].Runs.Any(static r => r.Messages.Length == 152), 500));
    }

    private static List<Packet> Watch(TestGroup group)
    {
        var data = new List<Packet>();
        group.Sees = p =>
        {
            if (p.Type == DatagramType.Data) data.Add(p);
        };
        return data;
    }
}

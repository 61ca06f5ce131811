using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Wire;

/// <summary>The layouts of docs/protocol.md, byte by byte, and what views refuse. P-01, P-02, P-06.</summary>
public sealed class Layouts
{
    [Fact]
    public void A_header_stands_where_the_document_says()
    {
        byte[] bytes = WireBytes.Datagram(DatagramType.Data, [1, 2, 3], counter: 0x0102030405060708, flags: DatagramFlags.RunStarts, incarnation: 9);

        Assert.Equal(39, bytes.Length);
        Assert.Equal([1, 1, 0, 8], bytes[..4]);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], bytes[24..32]);
        Assert.Equal([0, 0, 0, 3], bytes[32..36]);
        Assert.Equal(DropReason.None, DatagramHeader.TryParse(bytes, out var header));
        Assert.Equal(9UL, header.Incarnation);
        Assert.Equal(WireBytes.Node, header.Node);
        Assert.Equal(WireBytes.Group, header.Group);
        Assert.Equal([1, 2, 3], header.Sealed.ToArray());
    }

    [Fact]
    public void The_prefix_of_any_version_can_be_read()                     // P-01
    {
        Assert.Equal(DropReason.None, DatagramPrefix.TryParse([200, 201, 0xff, 1, 1, 2, 3, 4], out var prefix));
        Assert.Equal(200, prefix.Version);
        Assert.Equal(0x01020304u, prefix.Group);
        Assert.True((prefix.Flags & DatagramFlags.Ignorable) != 0);
        Assert.Equal(DropReason.Truncated, DatagramPrefix.TryParse([1, 1, 0, 0, 0, 0, 0], out _));
    }

    [Fact]
    public void A_report_reads_as_written()
    {
        byte[] body = WireBytes.Report(new SequenceRange(101, 101), new SequenceRange(103, 110), new SequenceRange(200, 499));

        Assert.Equal(50 + 3 * 8, body.Length);
        Assert.Equal(DropReason.None, ReportView.TryParse(body, out var view));
        Assert.Equal((WireBytes.Node, 7UL, 100UL, 90UL, 500UL, 3u, 256u), (view.StreamNode, view.StreamIncarnation, view.Contiguous, view.Applied, view.Highest, view.StateNumber, view.Window));
        Assert.Equal(new SequenceRange(103, 110), view[1]);
        Assert.Equal(3, view.RangeCount);
    }

    [Theory]
    [InlineData(0UL, 1UL)]                                                 // begins at contiguous
    [InlineData(1UL, 0UL)]                                                 // empty
    public void A_report_refuses_a_first_range_that_cannot_be(ulong offset, ulong length)
    {
        byte[] body = WireBytes.Report(new SequenceRange(101, 101));
        body[53] = (byte)offset;
        body[57] = (byte)length;
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(body, out _));
    }

    [Fact]
    public void A_report_refuses_ranges_that_touch_or_descend()
    {
        byte[] touching = WireBytes.Report(new SequenceRange(101, 102), new SequenceRange(104, 104));
        touching[61] = 3;
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(touching, out _));
        touching[61] = 1;
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(touching, out _));
        touching[61] = 4;
        Assert.Equal(DropReason.None, ReportView.TryParse(touching, out _));
    }

    [Fact]
    public void A_report_has_at_most_64_ranges()                            // P-41
    {
        byte[] body = WireBytes.Report([.. Enumerable.Range(0, 64).Select(static i => new SequenceRange(102 + 2 * (ulong)i, 102 + 2 * (ulong)i))]);
        Assert.Equal(DropReason.None, ReportView.TryParse(body, out _));
        byte[] more = [.. body, 0, 0, 4, 0, 0, 0, 0, 1];
        more[49] = 65;
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(more, out _));
    }

    [Fact]
    public void A_report_refuses_positions_that_contradict()
    {
        byte[] body = WireBytes.Report();
        body[31] = 101;                                                     // applied > contiguous
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(body, out _));
        body = WireBytes.Report();
        body[38] = 0;                                                       // highest 244 stays above contiguous
        Assert.Equal(DropReason.None, ReportView.TryParse(body, out _));
        body[39] = 1;                                                       // highest < contiguous
        Assert.Equal(DropReason.Malformed, ReportView.TryParse(body, out _));
    }

    [Fact]
    public void A_beat_reads_as_written()
    {
        var entry = new BeatEntry(WireBytes.Node, 3, 4, 5, BeatEntryFlags.GroupHeard | BeatEntryFlags.NotWaitedFor);
        byte[] body = WireBytes.Beat(entry, entry with { Incarnation = 8 });

        Assert.Equal(40 + 2 * 32, body.Length);
        Assert.Equal(DropReason.None, BeatView.TryParse(body, out var view));
        Assert.Equal((5UL, 6L, 70UL, 8UL, 9u), (view.Sent, view.WallMilliseconds, view.Highest, view.Oldest, view.StateNumber));
        Assert.Equal(entry, view[0]);
        Assert.Equal(8UL, view[1].Incarnation);
        body[37] = 1;
        Assert.Equal(DropReason.Malformed, BeatView.TryParse(body, out _));
    }

    [Fact]
    public void A_beats_extension_stands_behind_its_entries()               // P-100
    {
        var entry = new BeatEntry(WireBytes.Node, 3, 4, 5, BeatEntryFlags.GroupHeard);
        byte[] body = WireBytes.BeatWith("says more", entry);

        Assert.Equal(40 + 32 + 9, body.Length);
        Assert.Equal(DropReason.None, BeatView.TryParse(body, out var view));
        Assert.Equal(entry, view[0]);
        Assert.Equal("says more"u8, view.Extension);
        body[39] = 8;
        Assert.Equal(DropReason.Malformed, BeatView.TryParse(body, out _));
    }

    [Fact]
    public void A_beat_refuses_an_extension_that_is_too_long()              // P-101
    {
        Assert.Equal(DropReason.None, BeatView.TryParse(WireBytes.BeatWith(new string('x', 600)), out _));
        Assert.Equal(DropReason.Malformed, BeatView.TryParse(WireBytes.BeatWith(new string('x', 601)), out _));
    }

    [Fact]
    public void A_beat_refuses_an_oldest_beyond_the_next()
    {
        byte[] body = WireBytes.Beat();
        body[31] = 71;
        Assert.Equal(DropReason.None, BeatView.TryParse(body, out _));
        body[31] = 72;
        Assert.Equal(DropReason.Malformed, BeatView.TryParse(body, out _));
        body[31] = 0;
        Assert.Equal(DropReason.Malformed, BeatView.TryParse(body, out _));
    }

    [Fact]
    public void An_introduction_reads_as_written()
    {
        byte[] body = WireBytes.Join(WireBytes.Introduction("node-7.x"));

        Assert.Equal(DropReason.None, IntroductionView.TryParse(body, out var view));
        Assert.Equal("node-7.x", view.Name);
        Assert.Equal(new IPEndPoint(IPAddress.Parse("10.1.2.3"), 99), view.SynchronisationEndPoint);
        Assert.Equal((11UL, (byte)1, (byte)1, 1472, 1 << 20, 256u), (view.Nonce, view.MinVersion, view.MaxVersion, view.DatagramBytes, view.MaxMessageBytes, view.Window));
    }

    [Fact]
    public void Unknown_extensions_are_skipped_and_critical_ones_noticed()   // P-05
    {
        Assert.Equal(DropReason.None, IntroductionView.TryParse(WireBytes.Join(null, 9, 2, 0, 0, 10, 0), out var view));
        Assert.True(view.IgnoredExtensions >= 2);
        Assert.False(view.HasUnknownCritical);
        Assert.Equal(DropReason.None, IntroductionView.TryParse(WireBytes.Join(null, 0x89, 1, 0), out view));
        Assert.True(view.HasUnknownCritical);
        Assert.Equal(DropReason.Truncated, IntroductionView.TryParse(WireBytes.Join(null, 9, 2, 0), out _));
    }

    [Theory]
    [InlineData(12, 0)]                                                    // version 0
    [InlineData(13, 0)]                                                    // highest below lowest
    [InlineData(14, 9)]                                                    // role
    [InlineData(15, 0)]                                                    // no name
    [InlineData(28, 7)]                                                    // address family
    [InlineData(48, (byte)'A')]                                            // a character that no name has
    public void An_introduction_refuses_what_cannot_be(int at, byte value)
    {
        byte[] body = WireBytes.Join();
        body[at] = value;
        Assert.NotEqual(DropReason.None, IntroductionView.TryParse(body, out _));
    }

    [Fact]
    public void A_setup_reads_as_written()
    {
        Assert.Equal(DropReason.None, SetupView.TryParse(WireBytes.Setup(), out var view));
        Assert.Equal((2UL, 3UL, 4UL, 5UL, true), (view.TargetIncarnation, view.NonceEcho, view.Position, view.KnownIncarnation, view.WantsSetup));
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 6), view.KnownEndPoint);
        Assert.Equal("a", view.Introduction.Name);
    }

    [Fact]
    public void Gone_and_leave_read_as_written()
    {
        Assert.Equal(DropReason.None, GoneView.TryParse(WireBytes.Gone(), out var gone));
        Assert.Equal((WireBytes.Node, 2UL, 30UL, true), (gone.ReceiverNode, gone.ReceiverIncarnation, gone.Oldest, gone.Ejected));
        Assert.Equal(DropReason.None, LeaveView.TryParse(WireBytes.Leave(), out var leave));
        Assert.Equal(44UL, leave.Highest);
    }

    [Fact]
    public void A_repair_is_a_prefix_and_the_original()                      // P-60
    {
        byte[] original = WireBytes.Datagram(DatagramType.Data, WireBytes.Frames("x"));
        byte[] repair = new byte[100];
        int length = DatagramPrefix.WriteRepair(repair, 1, WireBytes.Group, original);
        Assert.Equal(original, repair[8..length]);
        Assert.Equal(2, repair[1]);
    }

    [Fact]
    public void Frames_must_be_whole_and_end_a_batch()                       // P-23
    {
        Assert.True(MessageFrames.TryCount(WireBytes.Frames("abc", "", "de"), out int messages));
        Assert.Equal(3, messages);
        Assert.False(MessageFrames.TryCount(WireBytes.Frames("abc")[..^1], out _));
        Assert.False(MessageFrames.TryCount([], out _));
        Assert.False(MessageFrames.TryCount([0x80, 0, 0, 0], out _));        // the batch continues, yet nothing follows
        Assert.False(MessageFrames.TryCount([0, 0, 0], out _));
    }
}

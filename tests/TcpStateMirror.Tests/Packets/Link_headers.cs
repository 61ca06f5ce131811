using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Packets;

/// <summary>Every link type leads to its IP datagram, or says why not.</summary>
public sealed class Link_headers
{
    private const string Mac = "000000000000 000000000000";

    [Theory]
    [InlineData("Ethernet", Mac + "0800 45", "Segment")]
    [InlineData("Ethernet", Mac + "8100 0001 86dd 60", "Segment")]
    [InlineData("Ethernet", Mac + "88a8 0001 9100 0002 8100 0003 0800 45", "Segment")]
    [InlineData("Ethernet", Mac + "0009 aaaa03 000000 0800 45", "Segment")]          // 802.3 with SNAP
    [InlineData("Ethernet", Mac + "0003 424203", "NotTcp")]                           // 802.3: spanning tree
    [InlineData("Ethernet", Mac + "0008 4242030000000000", "NotTcp")]
    [InlineData("Ethernet", Mac + "0800", "TruncatedIp")]
    [InlineData("Ethernet", Mac + "08", "TruncatedLink")]
    [InlineData("Ethernet", Mac + "8100 00", "TruncatedLink")]
    [InlineData("Ethernet", Mac + "0806 00", "NotTcp")]                               // ARP
    [InlineData("Ethernet", Mac + "8864 11000001 0003 0021 45", "Segment")]           // PPPoE
    [InlineData("Ethernet", Mac + "8864 11000001 00", "TruncatedLink")]
    [InlineData("Ethernet", Mac + "8847 00000000 00000100 45", "Segment")]            // MPLS, two labels
    [InlineData("Ethernet", Mac + "8847 00000100 60", "Segment")]
    [InlineData("Ethernet", Mac + "8847 00000100 00", "NotTcp")]                      // MPLS: a pseudowire
    [InlineData("Ethernet", Mac + "8847 00000000 00000000", "TruncatedLink")]
    [InlineData("Ppp", "ff03 0021 45", "Segment")]
    [InlineData("PppHdlc", "0057 60", "Segment")]
    [InlineData("Ppp", "21 45", "Segment")]                                           // a compressed protocol
    [InlineData("Ppp", "ff02 00", "NotTcp")]
    [InlineData("Ppp", "c021 00", "NotTcp")]                                          // LCP
    [InlineData("Ppp", "0021", "TruncatedIp")]
    [InlineData("Ppp", "ff03", "TruncatedLink")]
    [InlineData("Ppp", "00", "TruncatedLink")]
    [InlineData("Null", "02000000 45", "Segment")]
    [InlineData("Loop", "00000002 45", "Segment")]
    [InlineData("Null", "0a000000 60", "Segment")]
    [InlineData("Null", "18000000 60", "Segment")]
    [InlineData("Null", "1c000000 60", "Segment")]
    [InlineData("Null", "1e000000 60", "Segment")]
    [InlineData("Null", "05000000 45", "NotTcp")]
    [InlineData("Null", "02000000", "TruncatedIp")]
    [InlineData("Null", "020000", "TruncatedLink")]
    [InlineData("CiscoHdlc", "0f00 0800 45", "Segment")]
    [InlineData("CiscoHdlc", "0f00 08", "TruncatedLink")]
    [InlineData("LinuxCooked", "0000 0001 0006 0000000000000000 0800 45", "Segment")]
    [InlineData("LinuxCooked", "0000 0001 0006 0000000000000000 08", "TruncatedLink")]
    [InlineData("LinuxCooked", "0000 0001 0006 0000000000000000 8100 0001 0800 45", "Segment")]
    [InlineData("LinuxCooked2", "86dd 0000 00000001 0001 00 06 0000000000000000 60", "Segment")]
    [InlineData("LinuxCooked2", "86dd 0000 00000001 0001 00 06 00000000000000", "TruncatedLink")]
    [InlineData("Raw", "45", "Segment")]
    [InlineData("IPv6", "", "TruncatedIp")]
    public void Lead_to_the_datagram(string link, string frame, string verdict)
    {
        byte[] bytes = Convert.FromHexString(frame.Replace(" ", "", StringComparison.Ordinal));

        Assert.Equal(verdict, LinkLayer.Strip(Enum.Parse<LinkType>(link), bytes, out ReadOnlySpan<byte> datagram).ToString());
        if (verdict == "Segment") Assert.True(datagram.Length == 1 && datagram[0] is 0x45 or 0x60);
    }

    [Fact]
    public void Of_an_unknown_kind_are_told() => Assert.Equal(PacketVerdict.UnknownLink, LinkLayer.Strip((LinkType)9999, [0x45], out _));

    [Theory]
    [InlineData(16, "Segment")]
    [InlineData(17, "BadIpExtension")]
    public void Are_followed_by_so_many_extension_headers_at_most(int count, string verdict)
    {
        byte[] tcp = Frames.Datagram(Frames.Client6, Frames.Server6, 1, 2, 3, 4, TcpFlags.Ack)[40..];
        byte[] options = [.. Enumerable.Range(1, count).SelectMany(number => new byte[] { number == count ? (byte)6 : (byte)60, 0, 1, 4, 0, 0, 0, 0 })];

        Assert.Equal(verdict, SegmentDecoder.Decode(Frames.IPv6(Frames.Client6, Frames.Server6, 60, [.. options, .. tcp]), verifyChecksums: true, null, out _).ToString());
    }

    [Theory]
    [InlineData(51, 1, "Segment")]                                                    // an authentication header counts in words of four
    [InlineData(51, 200, "BadIpHeader")]
    [InlineData(0, 0, "TruncatedIp")]                                                 // cut within the extension header
    public void Are_followed_by_extension_headers_of_their_own_length(byte header, byte words, string verdict)
    {
        byte[] tcp = Frames.Datagram(Frames.Client6, Frames.Server6, 1, 2, 3, 4, TcpFlags.Ack)[40..];
        byte[] datagram = Frames.IPv6(Frames.Client6, Frames.Server6, header, [6, words, .. new byte[10], .. tcp]);

        Assert.Equal(verdict, SegmentDecoder.Decode(header == 0 ? datagram.AsSpan(0, 44) : datagram, verifyChecksums: false, null, out _).ToString());
    }

    [Fact]
    public void Of_fragments_are_told_where_nobody_puts_them_together()
    {
        byte[] tcp = Frames.Datagram(Frames.Client, Frames.Server, 1, 2, 3, 4, TcpFlags.Ack)[20..];

        Assert.Equal(PacketVerdict.Fragment, SegmentDecoder.Decode(Frames.IPv4(Frames.Client, Frames.Server, tcp, fragmentField: 0x2000), verifyChecksums: true, null, out _));
        Assert.Equal(PacketVerdict.NotTcp, SegmentDecoder.Decode(Frames.IPv4(Frames.Client, Frames.Server, tcp, fragmentField: 0x2000, protocol: 17), verifyChecksums: true, new FragmentAssembler(), out _));
        Assert.Equal(PacketVerdict.TruncatedIp, SegmentDecoder.Decode([], verifyChecksums: true, null, out _));
    }
}

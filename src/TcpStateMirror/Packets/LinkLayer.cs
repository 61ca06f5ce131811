using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>Finds the IP datagram in a frame of any known link type.</summary>
internal static class LinkLayer
{
    private const int MplsLabelBytes = 4, PppoeBytes = 6;
    private const ushort PppIPv4 = 0x0021, PppIPv6 = 0x0057;

    /// <summary>Strips link headers.</summary>
    /// <returns><see cref="PacketVerdict.Segment"/> when <paramref name="datagram"/> begins with what claims to be an IP header.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PacketVerdict Strip(LinkType link, ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> datagram)
    {
        if (link == LinkType.Ethernet && frame.Length > 14 && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) is EtherTypes.IPv4 or EtherTypes.IPv6)
        {
            datagram = frame[14..];
            return PacketVerdict.Segment;
        }
        return StripOther(link, frame, out datagram);
    }

    private static PacketVerdict StripOther(LinkType link, ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> datagram)
    {
        datagram = frame;
        switch (link)
        {
            case LinkType.Ethernet:
                return EthernetView.TryParse(frame, out EthernetView ethernet) ? ByEtherType(ethernet.EtherType, ethernet.Payload, out datagram) : PacketVerdict.TruncatedLink;
            case LinkType.LinuxCooked:
                return CookedView.TryParse(frame, out CookedView cooked) ? ByEtherType(cooked.Protocol, cooked.Payload, out datagram) : PacketVerdict.TruncatedLink;
            case LinkType.LinuxCooked2:
                return CookedView.TryParse2(frame, out CookedView cooked2) ? ByEtherType(cooked2.Protocol, cooked2.Payload, out datagram) : PacketVerdict.TruncatedLink;
            case LinkType.Raw or LinkType.RawBsd or LinkType.RawOpenBsd or LinkType.IPv4 or LinkType.IPv6:
                return frame.IsEmpty ? PacketVerdict.TruncatedIp : PacketVerdict.Segment;
            case LinkType.Null or LinkType.Loop:
                return Loopback(frame, out datagram);
            case LinkType.Ppp or LinkType.PppHdlc:
                return Ppp(frame, out datagram);
            case LinkType.CiscoHdlc:
                return frame.Length < 4 ? PacketVerdict.TruncatedLink : ByEtherType(BinaryPrimitives.ReadUInt16BigEndian(frame[2..]), frame[4..], out datagram);
            default:
                return PacketVerdict.UnknownLink;
        }
    }

    private static PacketVerdict ByEtherType(ushort type, ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> datagram)
    {
        // Cooked captures leave tags in the payload. A hostile file may consist of nothing else: no recursion.
        while (type is EtherTypes.Vlan or EtherTypes.ProviderVlan or EtherTypes.OldProviderVlan && payload.Length >= 4)
        {
            type = BinaryPrimitives.ReadUInt16BigEndian(payload[2..]);
            payload = payload[4..];
        }
        datagram = payload;
        switch (type)
        {
            case EtherTypes.IPv4 or EtherTypes.IPv6:
                return payload.IsEmpty ? PacketVerdict.TruncatedIp : PacketVerdict.Segment;
            case EtherTypes.Vlan or EtherTypes.ProviderVlan or EtherTypes.OldProviderVlan:
                return PacketVerdict.TruncatedLink;
            case EtherTypes.PppoeSession:
                return payload.Length < PppoeBytes ? PacketVerdict.TruncatedLink : Ppp(payload[PppoeBytes..], out datagram);
            case EtherTypes.Mpls:
                return Mpls(payload, out datagram);
            default:
                return PacketVerdict.NotTcp;
        }
    }

    // Labels of four bytes; the bottom one is marked, and behind it the first nibble tells IPv4 from IPv6 (RFC 3032, RFC 4928).
    private static PacketVerdict Mpls(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> datagram)
    {
        datagram = payload;
        while (datagram.Length > MplsLabelBytes)
        {
            bool bottom = (datagram[2] & 1) != 0;
            datagram = datagram[MplsLabelBytes..];
            if (bottom) return datagram[0] >> 4 is 4 or 6 ? PacketVerdict.Segment : PacketVerdict.NotTcp;
        }
        return PacketVerdict.TruncatedLink;
    }

    private static PacketVerdict Ppp(ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> datagram)
    {
        datagram = frame;
        if (frame.Length >= 2 && frame[0] == 0xff && frame[1] == 3) frame = frame[2..]; // address and control of HDLC framing (RFC 1662)
        if (frame.Length < 2) return PacketVerdict.TruncatedLink;
        bool compressed = (frame[0] & 1) != 0; // one byte of protocol only (RFC 1661, section 6.5)
        int protocol = compressed ? frame[0] : BinaryPrimitives.ReadUInt16BigEndian(frame);
        datagram = frame[(compressed ? 1 : 2)..];
        if (protocol is not (PppIPv4 or PppIPv6)) return PacketVerdict.NotTcp;
        return datagram.IsEmpty ? PacketVerdict.TruncatedIp : PacketVerdict.Segment;
    }

    // Four bytes of address family in whichever order the capturing host had; IPv6 has a number of its own on each system.
    private static PacketVerdict Loopback(ReadOnlySpan<byte> frame, out ReadOnlySpan<byte> datagram)
    {
        datagram = frame;
        if (frame.Length < 4) return PacketVerdict.TruncatedLink;
        uint family = BinaryPrimitives.ReadUInt32LittleEndian(frame);
        if (family > 0xffff) family = BinaryPrimitives.ReverseEndianness(family);
        datagram = frame[4..];
        if (family is not (2 or 10 or 24 or 28 or 30)) return PacketVerdict.NotTcp;
        return datagram.IsEmpty ? PacketVerdict.TruncatedIp : PacketVerdict.Segment;
    }
}

using System.Runtime.CompilerServices;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>A TCP segment within a frame.</summary>
internal ref struct TcpSegment
{
    /// <summary>Addresses: four bytes each, or sixteen.</summary>
    public ReadOnlySpan<byte> Source, Destination;

    /// <summary>The header.</summary>
    public TcpView Tcp;

    /// <summary>Bytes of payload by the headers.</summary>
    public int PayloadBytes;

    /// <summary>Those of the payload that were captured.</summary>
    public ReadOnlySpan<byte> Payload;
}

/// <summary>From a frame to the TCP segment in it. Allocates nothing and never throws, whatever the bytes.</summary>
internal static class SegmentDecoder
{
    private const byte EncapsulatedIPv4 = 4, EncapsulatedIPv6 = 41;
    private const int MaxEncapsulation = 4;

    /// <summary>Decodes an IP datagram.</summary>
    /// <param name="datagram">From the first byte of the IP header.</param>
    /// <param name="verifyChecksums">Refuse wrong checksums of IPv4 and TCP. Leave it off where segments are captured on their sender: its card fills them in later.</param>
    /// <param name="fragments">Puts fragments together; null: they are told as <see cref="PacketVerdict.Fragment"/>.</param>
    /// <param name="segment">The segment; valid with <see cref="PacketVerdict.Segment"/> alone.</param>
    public static PacketVerdict Decode(ReadOnlySpan<byte> datagram, bool verifyChecksums, FragmentAssembler? fragments, out TcpSegment segment) =>
        Decode(datagram, verifyChecksums, fragments, out segment, 0);

    private static PacketVerdict Decode(ReadOnlySpan<byte> datagram, bool verifyChecksums, FragmentAssembler? fragments, out TcpSegment segment, int depth)
    {
        Unsafe.SkipInit(out segment);
        if (datagram.IsEmpty) return PacketVerdict.TruncatedIp;
        ReadOnlySpan<byte> captured;
        int payloadBytes;
        byte protocol;
        FragmentPlace fragment;
        PacketVerdict verdict;
        switch (datagram[0] >> 4)
        {
            case 4:
                verdict = IPv4View.TryParse(datagram, out IPv4View v4);
                if (verdict != PacketVerdict.Segment) return verdict;
                if (verifyChecksums && !v4.HasRightChecksum) return PacketVerdict.BadIpChecksum;
                protocol = v4.Protocol;
                captured = v4.Payload;
                payloadBytes = v4.PayloadBytes;
                segment.Source = v4.Source;
                segment.Destination = v4.Destination;
                fragment = v4.Fragment;
                break;
            case 6:
                verdict = IPv6View.TryParse(datagram, out IPv6View v6);
                if (verdict != PacketVerdict.Segment) return verdict;
                protocol = v6.Protocol;
                captured = v6.Payload;
                payloadBytes = v6.PayloadBytes;
                segment.Source = v6.Source;
                segment.Destination = v6.Destination;
                fragment = v6.Fragment;
                break;
            default: return PacketVerdict.BadIpHeader;
        }
        if (fragment.IsPart)
        {
            if (protocol != TcpView.Protocol) return PacketVerdict.NotTcp;
            if (fragments is null) return PacketVerdict.Fragment;
            verdict = fragments.Add(segment.Source, segment.Destination, fragment, payloadBytes, captured, out captured);
            if (verdict != PacketVerdict.Segment) return verdict;
            payloadBytes = captured.Length;
        }
        if (protocol != TcpView.Protocol)
        {
            // 6in4, 4in6, IP in IP: the connection is the inner one.
            return protocol is EncapsulatedIPv4 or EncapsulatedIPv6 && depth < MaxEncapsulation ? Decode(captured, verifyChecksums, fragments, out segment, depth + 1) : PacketVerdict.NotTcp;
        }
        verdict = TcpView.TryParse(captured, payloadBytes, out segment.Tcp);
        if (verdict != PacketVerdict.Segment) return verdict;
        if (verifyChecksums && captured.Length == payloadBytes && InternetChecksum.OfTcp(segment.Source, segment.Destination, captured) != 0) return PacketVerdict.BadTcpChecksum;
        segment.PayloadBytes = payloadBytes - segment.Tcp.HeaderBytes;
        segment.Payload = captured[segment.Tcp.HeaderBytes..];
        return PacketVerdict.Segment;
    }
}

namespace Appliance.TcpStateMirror.Packets;

/// <summary>What a frame turned out to be. Everything from <see cref="TruncatedLink"/> on is a bad packet and counted by this name.</summary>
public enum PacketVerdict
{
    /// <summary>A TCP segment.</summary>
    Segment,

    /// <summary>Well-formed as far as it was read, and not TCP over IP.</summary>
    NotTcp,

    /// <summary>A fragment of a datagram whose other fragments are still missing.</summary>
    Fragment,

    /// <summary>The frame ends inside its link header.</summary>
    TruncatedLink,

    /// <summary>The capture's link type is none of <see cref="LinkType"/>.</summary>
    UnknownLink,

    /// <summary>The frame ends inside the IP header or its extension headers.</summary>
    TruncatedIp,

    /// <summary>Version, header length or total length of the IP header contradict each other.</summary>
    BadIpHeader,

    /// <summary>The IPv4 header checksum is wrong (only when checksums are verified).</summary>
    BadIpChecksum,

    /// <summary>More IPv6 extension headers than any sender has reason to send.</summary>
    BadIpExtension,

    /// <summary>Fragments overlap, or together exceed a datagram.</summary>
    BadFragment,

    /// <summary>The frame or the datagram ends inside the TCP header.</summary>
    TruncatedTcp,

    /// <summary>The TCP data offset is below five words or beyond the datagram.</summary>
    BadTcpHeader,

    /// <summary>The TCP checksum is wrong (only when checksums are verified and the whole segment was captured).</summary>
    BadTcpChecksum,
}

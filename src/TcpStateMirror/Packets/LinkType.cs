namespace Appliance.TcpStateMirror.Packets;

/// <summary>Link types of captures that are understood, by the numbers of the pcap registry (LINKTYPE_ values).</summary>
public enum LinkType
{
    /// <summary>BSD loopback: the address family in the capturing host's byte order.</summary>
    Null = 0,

    /// <summary>Ethernet.</summary>
    Ethernet = 1,

    /// <summary>PPP, with or without HDLC framing.</summary>
    Ppp = 9,

    /// <summary>IP without a link header, as some systems number it.</summary>
    RawOpenBsd = 14,

    /// <summary>IP without a link header, as libpcap numbers it in memory.</summary>
    RawBsd = 12,

    /// <summary>PPP in HDLC framing.</summary>
    PppHdlc = 50,

    /// <summary>IP without a link header.</summary>
    Raw = 101,

    /// <summary>Cisco HDLC.</summary>
    CiscoHdlc = 104,

    /// <summary>OpenBSD loopback: the address family in network byte order.</summary>
    Loop = 108,

    /// <summary>Linux cooked capture.</summary>
    LinuxCooked = 113,

    /// <summary>IPv4 without a link header.</summary>
    IPv4 = 228,

    /// <summary>IPv6 without a link header.</summary>
    IPv6 = 229,

    /// <summary>Linux cooked capture, second version.</summary>
    LinuxCooked2 = 276,
}

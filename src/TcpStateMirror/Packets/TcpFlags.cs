namespace Appliance.TcpStateMirror.Packets;

/// <summary>The control bits of a TCP header (RFC 9293 section 3.1, RFC 3168, RFC 9768).</summary>
[Flags]
public enum TcpFlags : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The sender has no more data.</summary>
    Fin = 1,

    /// <summary>Synchronises sequence numbers.</summary>
    Syn = 2,

    /// <summary>Resets the connection.</summary>
    Rst = 4,

    /// <summary>Push.</summary>
    Psh = 8,

    /// <summary>The acknowledgement number is significant.</summary>
    Ack = 16,

    /// <summary>The urgent pointer is significant.</summary>
    Urg = 32,

    /// <summary>ECN echo.</summary>
    Ece = 64,

    /// <summary>Congestion window reduced.</summary>
    Cwr = 128,

    /// <summary>Accurate ECN (once the nonce sum).</summary>
    Ae = 256,
}

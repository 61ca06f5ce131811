namespace Appliance.TcpStateMirror.Flows;

/// <summary>States of one end of a connection (RFC 9293 section 3.3.2).</summary>
public enum TcpState
{
    /// <summary>CLOSED: no connection.</summary>
    Closed,

    /// <summary>LISTEN: waits for a SYN.</summary>
    Listen,

    /// <summary>SYN-SENT: has sent a SYN.</summary>
    SynSent,

    /// <summary>SYN-RECEIVED: has sent and received a SYN.</summary>
    SynReceived,

    /// <summary>ESTABLISHED.</summary>
    Established,

    /// <summary>FIN-WAIT-1: has sent a FIN.</summary>
    FinWait1,

    /// <summary>FIN-WAIT-2: its FIN was acknowledged.</summary>
    FinWait2,

    /// <summary>CLOSE-WAIT: has received a FIN.</summary>
    CloseWait,

    /// <summary>CLOSING: both sent a FIN, its own is not acknowledged.</summary>
    Closing,

    /// <summary>LAST-ACK: has received a FIN and sent its own.</summary>
    LastAck,

    /// <summary>TIME-WAIT: waits until the last acknowledgement has surely arrived.</summary>
    TimeWait,
}

/// <summary>Names of <see cref="TcpState"/>.</summary>
public static class TcpStateNames
{
    private static readonly string[] Names = ["CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"];

    /// <summary>The name as RFC 9293 writes it.</summary>
    public static string NameOf(TcpState state) => Names[(int)state];
}

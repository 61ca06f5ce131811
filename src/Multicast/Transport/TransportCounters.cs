namespace Appliance.Multicast.Transport;

/// <summary>What the sockets of a group did. Written by the loop thread; a reader on another thread may see values of slightly different moments.</summary>
public sealed class TransportCounters
{
    /// <summary>Datagrams handed to the kernel, to the group and to single members.</summary>
    public long DatagramsSent;

    /// <summary>Bytes of them.</summary>
    public long BytesSent;

    /// <summary>System calls that sent them: the ratio shows how well segmentation offload batches.</summary>
    public long SendCalls;

    /// <summary>Datagrams received.</summary>
    public long DatagramsReceived;

    /// <summary>Bytes of them.</summary>
    public long BytesReceived;

    /// <summary>System calls that received them.</summary>
    public long ReceiveCalls;

    /// <summary>Times that the send buffer was full and the rest was kept until the socket was writable.</summary>
    public long SendsDeferred;

    /// <summary>Datagrams dropped because the kept ones had reached their bound. The protocol repairs them.</summary>
    public long SendsDroppedFull;

    /// <summary>Datagrams dropped because the network or the route was down.</summary>
    public long SendsDroppedNetworkDown;

    /// <summary>Datagrams dropped because they are longer than the MTU: the interface's MTU fell after the start.</summary>
    public long SendsDroppedTooLong;

    /// <summary>Datagrams dropped by another error, for example a firewall's refusal (EPERM).</summary>
    public long SendsDroppedOther;

    /// <summary>Datagrams not sent because a watched part of this node hangs: a node that cannot serve must not look alive.</summary>
    public long SendsWithheld;

    /// <summary>The last errno of a dropped datagram; 0 while there was none.</summary>
    public int LastSendErrno;

    /// <summary>Own datagrams that came back (on lo, or a loop in the network) and were ignored.</summary>
    public long OwnDatagramsIgnored;

    /// <summary>Empty datagrams ignored: the start-up test of a node on this host sends them.</summary>
    public long ProbesIgnored;

    /// <summary>Datagrams longer than the receive buffer, ignored.</summary>
    public long ReceivesTruncated;

    /// <summary>Failed receive calls (errors that the network reported on the socket).</summary>
    public long ReceiveErrors;

    /// <summary>All datagrams that could not be sent.</summary>
    public long SendsDropped => SendsDroppedFull + SendsDroppedNetworkDown + SendsDroppedTooLong + SendsDroppedOther;
}

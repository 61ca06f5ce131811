namespace Appliance.Multicast.Protocol;

/// <summary>By which socket a datagram came: tells the engine which paths from a member work (P-90).</summary>
internal enum ReceivePath : byte
{
    /// <summary>The socket that is joined to the group address.</summary>
    Group,

    /// <summary>The socket bound to this node's own address.</summary>
    Unicast,

    /// <summary>The heartbeat thread's socket.</summary>
    Heartbeat,

    /// <summary>The heartbeat thread's socket on the second network (P-99).</summary>
    Second,
}

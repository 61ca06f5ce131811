using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Transport;

namespace Appliance.Multicast;

/// <summary>Everything that a <see cref="MulticastGroup"/> needs to know. Sizes are fixed for its life.</summary>
public sealed record GroupSettings
{
    /// <summary>The group's name. Groups with different names on one address ignore each other.</summary>
    public required string Name { get; init; }

    /// <summary>This node's name (see <see cref="NodeId.IsValidName"/>).</summary>
    public required string NodeName { get; init; }

    /// <summary>This life of the node: at least 1, larger than every earlier one. The caller persists it.</summary>
    public required ulong Incarnation { get; init; }

    /// <summary>What the node does in the group.</summary>
    public MemberRole Role { get; init; } = MemberRole.Data;

    /// <summary>The network interface of the group: its name, or an address of it, which then is the source of all that this node sends.</summary>
    public required string Interface { get; init; }

    /// <summary>Multicast; false for a datagram to each of <see cref="Peers"/>.</summary>
    public bool UseMulticast { get; init; } = true;

    /// <summary>The group address. 239.192.77.1 lies in the organisation-local scope (RFC 2365), which routers do not carry outside.</summary>
    public IPAddress Address { get; init; } = new([239, 192, 77, 1]);

    /// <summary>UDP port of the group. 7770: unassigned at IANA.</summary>
    public int Port { get; init; } = 7770;

    /// <summary>UDP port of heartbeats. 0 stands for the group's port + 1.</summary>
    public int HeartbeatPort { get; init; }

    /// <summary>
    /// UDP port of what is sent to this node alone. 0 stands for the group's port; another only where several nodes share one address.
    /// Heartbeats to this node alone go to a port as far from it as <see cref="HeartbeatPort"/> is from <see cref="Port"/>.
    /// </summary>
    public int UnicastPort { get; init; }

    /// <summary>The other nodes' addresses and unicast ports; used when <see cref="UseMulticast"/> is false. This node's own may be among them.</summary>
    public IReadOnlyList<IPEndPoint> Peers { get; init; } = [];

    /// <summary>This node's address on a second network, on which heartbeats go to <see cref="SecondPeers"/> as well; null: there is none. It listens at the unicast heartbeat port.</summary>
    public IPAddress? SecondAddress { get; init; }

    /// <summary>Where the other nodes listen on the second network.</summary>
    public IReadOnlyList<IPEndPoint> SecondPeers { get; init; } = [];

    /// <summary>Hops that a multicast datagram may go. 1: the group's network is one segment.</summary>
    public int TimeToLive { get; init; } = 1;

    /// <summary>Datagrams come back to other nodes on this host. False: they would double the work of a host with one node. On <c>lo</c> it makes no difference.</summary>
    public bool LoopBack { get; init; }

    /// <summary>AES-256-GCM; false for laboratories only.</summary>
    public bool Sealed { get; init; } = true;

    /// <summary>Accepted keys, oldest first; the last one seals.</summary>
    public IReadOnlyList<GroupKey> Keys { get; init; } = [];

    /// <summary>UDP payload in bytes, equal on all nodes. 0 stands for what the interface's MTU holds, but at most a 1500-byte packet: so nodes with and without jumbo frames agree.</summary>
    public int DatagramBytes { get; init; }

    /// <summary>Time between heartbeats. 20 ms: ten of them fit into dead-after, at 0.1 % of a core.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>A member not heard for so long is suspected. 200 ms: virtual machines lose their processor for tens of milliseconds.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>When a watched progress counter stands still for so long, this node's heartbeats stop. 100 ms: longer than any round of the loop should take, half of dead-after.</summary>
    public TimeSpan HangAfter { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A packed datagram leaves after so long at the latest. 50 us: a fifth of a network round trip.</summary>
    public TimeSpan FlushDelay { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>A gap is reported after so long. 500 us: switches with several queues reorder by less.</summary>
    public TimeSpan ReorderDelay { get; init; } = TimeSpan.FromMicroseconds(500);

    /// <summary>Bytes kept to repair what others missed. 64 MiB: half a second of a 1 Gbit/s network.</summary>
    public long WindowBytes { get; init; } = 64 << 20;

    /// <summary>Longest message in bytes. 4 MiB: a batch of 1024 records of 4 KiB.</summary>
    public int MaxMessageBytes { get; init; } = 4 << 20;

    /// <summary>Most bytes of new data sent in a second. 0 stands for no limit but the receivers' windows.</summary>
    public long PacingBytesPerSecond { get; init; }

    /// <summary>Send and receive buffers asked of the kernel. 16 MiB: a receiver may lose its processor for 100 ms at 1 Gbit/s without a drop.</summary>
    public int SocketBufferBytes { get; init; } = 16 << 20;

    /// <summary>Use UDP_SEGMENT where the kernel has it. False to compare.</summary>
    public bool SegmentationOffload { get; init; } = true;

    /// <summary>Use UDP_GRO where the kernel has it. False to compare.</summary>
    public bool ReceiveOffload { get; init; } = true;

    /// <summary>Run the heartbeat thread under SCHED_FIFO where permitted.</summary>
    public bool RealtimeHeartbeats { get; init; } = true;

    /// <summary>Lock the process's memory where permitted: a page fault in the heartbeat path is a late heartbeat.</summary>
    public bool LockMemory { get; init; } = true;

    /// <summary>Where this node's synchronisation service listens (TCP); told to the others.</summary>
    public IPEndPoint? SynchronisationEndPoint { get; init; }

    /// <summary>The heartbeat port with its default resolved.</summary>
    internal int EffectiveHeartbeatPort => HeartbeatPort == 0 ? Port + 1 : HeartbeatPort;

    /// <summary>The unicast port with its default resolved.</summary>
    internal int EffectiveUnicastPort => UnicastPort == 0 ? Port : UnicastPort;

    /// <summary>From a node's unicast port to its unicast heartbeat port.</summary>
    internal int HeartbeatPortOffset => EffectiveHeartbeatPort - Port;

    /// <summary>The family of the group's addresses.</summary>
    internal AddressFamily Family => UseMulticast || Peers.Count == 0 ? Address.AddressFamily : Peers[0].AddressFamily;

    /// <summary>Checks what does not depend on the host.</summary>
    /// <exception cref="GroupTransportException">With one sentence about the first thing that is wrong.</exception>
    internal void Validate()
    {
        if (!NodeId.IsValidName(NodeName)) throw new GroupTransportException($"'{NodeName}' is no node id: use 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'");
        if (Incarnation == 0) throw new GroupTransportException("the incarnation must be at least 1: larger than every earlier one of this node");
        if (UseMulticast && !IsMulticast(Address)) throw new GroupTransportException($"group address {Address} is no multicast address: use one of 239.0.0.0/8, or of ff00::/8");
        if (!UseMulticast && Peers.Count == 0) throw new GroupTransportException("a unicast group needs the addresses of its peers: name them, or use transport = multicast");
        if (Port is < 1 or > 65535) throw new GroupTransportException($"group port {Port} is no port: 1 to 65535");
        if (HeartbeatPortOffset == 0) throw new GroupTransportException($"heartbeat port {HeartbeatPort} is the group's port: heartbeats need one of their own");
        if (EffectiveUnicastPort + HeartbeatPortOffset is < 1 or > 65535) throw new GroupTransportException($"unicast port {EffectiveUnicastPort} leaves no room for the heartbeat port {HeartbeatPortOffset} beside it");
        if (Sealed && Keys.Count == 0) throw new GroupTransportException("a sealed group needs a key: make one with 'appliance keygen', or set security = none in a laboratory");
        if (Keys.Any(static key => key.Bytes.Length != EngineOptions.KeyBytes)) throw new GroupTransportException($"a group key must have {EngineOptions.KeyBytes} bytes");
        if (Heartbeat <= TimeSpan.Zero || DeadAfter < Heartbeat * 3) throw new GroupTransportException($"dead-after ({DeadAfter}) must be at least three heartbeats ({Heartbeat} each): one lost datagram must not look like a death");
    }

    /// <summary>The UDP payload to use on an interface.</summary>
    /// <exception cref="GroupTransportException">The asked size does not fit the interface.</exception>
    internal int DatagramBytesOn(InterfaceChoice choice)
    {
        const int ethernetMtu = 1500, smallestUseful = 1200;
        int header = InterfaceChoice.HeaderBytes(choice.Address.AddressFamily);
        int bytes = DatagramBytes != 0 ? DatagramBytes : Math.Min(choice.MtuBytes, ethernetMtu) - header;
        if (bytes > choice.MaxDatagramBytes)
            throw new GroupTransportException($"datagrams of {bytes} bytes need an MTU of {bytes + header} on '{choice.Name}', which has {choice.MtuBytes}: lower the datagram size on all nodes or raise the MTU");
        if (bytes < smallestUseful)
            throw new GroupTransportException($"datagrams of {bytes} bytes are too small: '{choice.Name}' has an MTU of {choice.MtuBytes}, the group needs at least {smallestUseful + header}");
        return bytes;
    }

    private static bool IsMulticast(IPAddress address) =>
        address.IsIPv6Multicast || (address.AddressFamily == AddressFamily.InterNetwork && address.GetAddressBytes()[0] is >= 224 and <= 239);
}

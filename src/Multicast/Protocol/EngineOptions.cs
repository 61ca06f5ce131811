using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>How datagrams are protected.</summary>
internal enum GroupSecurity : byte
{
    /// <summary>AES-256-GCM.</summary>
    Sealed,

    /// <summary>Nothing: for laboratories only.</summary>
    None,
}

/// <summary>How <see cref="IEngineSink.SendToGroup"/> reaches the members.</summary>
internal enum GroupTransport : byte
{
    /// <summary>One datagram to the group address.</summary>
    Multicast,

    /// <summary>One datagram to each peer.</summary>
    Unicast,
}

/// <summary>Every limit and timer of the engine. Sizes are fixed for the engine's life; docs/protocol.md repeats each default with its reason.</summary>
internal sealed record EngineOptions
{
    /// <summary>The newest wire version that this build speaks.</summary>
#if WIRE_VERSION_NEXT
    public const byte NewestWireVersion = 2;
#else
    public const byte NewestWireVersion = 1;
#endif

    /// <summary>Bytes of a key.</summary>
    public const int KeyBytes = 32;

    /// <summary>Name of the group; its number is in every datagram.</summary>
    public required string GroupName { get; init; }

    /// <summary>Accepted keys, oldest first; the last one seals. May be empty with <see cref="GroupSecurity.None"/> only.</summary>
    public IReadOnlyList<GroupKey> Keys { get; init; } = [];

    /// <summary>Whether datagrams are sealed.</summary>
    public GroupSecurity Security { get; init; } = GroupSecurity.Sealed;

    /// <summary>Multicast or fan-out.</summary>
    public GroupTransport Transport { get; init; } = GroupTransport.Multicast;

    /// <summary>The peers of a unicast group (the sink sends to them).</summary>
    public IReadOnlyList<IPEndPoint> Peers { get; init; } = [];

    /// <summary>Largest UDP payload. 1472: what an Ethernet frame of 1500 holds behind the IPv4 and UDP headers.</summary>
    public int DatagramBytes { get; init; } = 1472;

    /// <summary>Largest message, and largest batch with 4 bytes per message added.</summary>
    public int MaxMessageBytes { get; init; } = 4 << 20;

    /// <summary>Datagrams published and not yet stable at most; more are refused. 4096: 6 MB, a fifth of a second at full rate.</summary>
    public int WindowDatagrams { get; init; } = 4096;

    /// <summary>Datagrams published and not yet sent at most: what waits here is latency, not throughput.</summary>
    public int BacklogDatagrams { get; init; } = 1024;

    /// <summary>Datagrams that our socket buffer can hold; shared among the streams and advertised as their window.</summary>
    public int ReceiveWindowDatagrams { get; init; } = 2048;

    /// <summary>Datagrams of each stream that are kept to complete others (and to reorder); rounded up to a power of two, at least twice <see cref="ReceiveWindowDatagrams"/>.</summary>
    public int RetainedDatagrams { get; init; } = 4096;

    /// <summary>Datagrams in one <see cref="IEngineSink.SendToGroup"/>. 44 of 1472 bytes fit into the 65507 bytes of one segmented send.</summary>
    public int RunDatagrams { get; init; } = 44;

    /// <summary>A packed message leaves at the latest after this time.</summary>
    public TimeSpan FlushDelay { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>A gap is reported after this time: reordering inside one link is over by then.</summary>
    public TimeSpan ReorderDelay { get; init; } = TimeSpan.FromMicroseconds(500);

    /// <summary>A receiver with something new to say reports at the latest after this time.</summary>
    public TimeSpan ReportInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Time between heartbeats.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>A member that is silent for so long is suspected.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Time between the probes of both paths to each member.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A member whose window is full and that shows no progress for so long is ejected: others never stall longer.</summary>
    public TimeSpan LagTimeout { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>A member that alone slows the sender for so long, although it progresses, is ejected.</summary>
    public TimeSpan SlowTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What nobody could repair of a suspected sender's stream after this time is given up, visibly.</summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A gap in a live sender's stream that no repair closes for so long is given up, visibly: nobody waits for ever.</summary>
    public TimeSpan StallAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time between the announcements of a node that has found all its peers.</summary>
    public TimeSpan JoinInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time between the announcements in a node's first second, and between repeated SETUPs.</summary>
    public TimeSpan FastJoinInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Groups with more members (this node counted) use multicast reports with backoff and suppression.</summary>
    public int DirectReportMembers { get; init; } = 8;

    /// <summary>Data rate in bytes per second; 0: bounded by the window alone.</summary>
    public long PacingBytesPerSecond { get; init; }

    /// <summary>Repair rate in bytes per second, beside the data rate.</summary>
    public long RepairBytesPerSecond { get; init; } = 64 << 20;

    /// <summary>Repairs on the way to one member at most.</summary>
    public int RepairOutstandingDatagrams { get; init; } = 256;

    /// <summary>Other members at most.</summary>
    public int MaxMembers { get; init; } = 63;

    /// <summary>Lowest wire version spoken.</summary>
    public byte MinWireVersion { get; init; } = 1;

    /// <summary>Highest wire version spoken.</summary>
    public byte MaxWireVersion { get; init; } = NewestWireVersion;

    /// <summary>Everything that is wrong with these options, in plain words.</summary>
    public IEnumerable<string> Validate()
    {
        if (DatagramBytes is < 1200 or > 65507) yield return $"datagram bytes ({DatagramBytes}) must be 1200 to 65507: a report with all ranges must fit, and no UDP datagram is longer";
        if (WindowDatagrams < 16) yield return $"window ({WindowDatagrams} datagrams) must be at least 16";
        if (BacklogDatagrams < 1) yield return "backlog must be at least one datagram";
        if (ReceiveWindowDatagrams is < 16 or > 1 << 20) yield return $"receive window ({ReceiveWindowDatagrams} datagrams) must be 16 to 1048576";
        if (MaxMessageBytes < DatagramBytes || MaxMessageBytes > 256 << 20) yield return $"largest message ({MaxMessageBytes} bytes) must be one datagram to 256 MiB";
        if (RunDatagrams < 1 || (long)RunDatagrams * DatagramBytes > 65535 + DatagramBytes) yield return $"a run of {RunDatagrams} datagrams exceeds one segmented send";
        if (Heartbeat * 3 > DeadAfter) yield return $"dead-after ({DeadAfter}) must be at least three heartbeats ({Heartbeat}): one lost beat is no death";
        if (ProbeInterval * 3 > DeadAfter) yield return $"dead-after ({DeadAfter}) must be at least three probe intervals ({ProbeInterval}): a member whose multicast fails lives by its probes";
        if (LagTimeout < Heartbeat) yield return $"lag timeout ({LagTimeout}) must be at least one heartbeat ({Heartbeat})";
        if (Security == GroupSecurity.Sealed && Keys.Count == 0) yield return "a sealed group needs a key";
        if (MinWireVersion is 0 || MaxWireVersion < MinWireVersion) yield return $"wire versions {MinWireVersion} to {MaxWireVersion} are no range";
        if (MaxMembers is < 1 or > 63) yield return $"members ({MaxMembers}) must be 1 to 63";
    }
}

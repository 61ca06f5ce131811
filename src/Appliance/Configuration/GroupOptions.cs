using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;

namespace Appliance.Configuration;

/// <summary>Who must agree before a node becomes primary.</summary>
public enum Quorum
{
    /// <summary>More than half of the members, witnesses among them.</summary>
    Majority,

    /// <summary>Nobody: a node that hears no primary acts alone. Two that do not hear each other are both primary, and one of them loses what it wrote.</summary>
    Off,
}

/// <summary>How datagrams reach the other members.</summary>
public enum GroupTransport
{
    /// <summary>One datagram to the group address reaches all; members that it does not reach get theirs by unicast.</summary>
    Multicast,

    /// <summary>One datagram to each member: for networks without multicast, as in clouds.</summary>
    Unicast,
}

/// <summary>Whether datagrams are sealed.</summary>
public enum GroupSecurity
{
    /// <summary>AES-256-GCM with keys from the key file.</summary>
    Sealed,

    /// <summary>Readable and forgeable by anyone on the network: for laboratories.</summary>
    None,
}

/// <summary>What is done where a host cannot carry the guard, the fence in the kernel (docs/decisions/0005-kernel-guard.md).</summary>
public enum GuardDemand
{
    /// <summary>The host is not fit to be a primary.</summary>
    Required,

    /// <summary>It does without, and says so.</summary>
    BestEffort,
}

/// <summary>[group] of appliance.conf: alike on all nodes but for what names this host's network card and files.</summary>
public sealed record GroupOptions
{
    /// <summary>Largest part of <see cref="DeadAfter"/> by which two clocks may disagree about a span: 1 %, fifty times what a crystal does.</summary>
    internal const double ClockDrift = 0.01;

    /// <summary>Most members. 16: reports and acknowledgements of more would cost the primary more than the state itself.</summary>
    internal const int MaxMembers = 16;

    /// <summary>The group's name. Groups with different names on one address ignore each other.</summary>
    public string Name { get; init; } = "appliance";

    /// <summary>All members with their addresses on the synchronisation network; the voters of the first epoch. No default: nobody can guess it.</summary>
    public IReadOnlyList<MemberAddress> Members { get; init; } = [];

    /// <summary>Those of the members that only vote ([node] role = witness). Two data members need one, or nobody has a majority when one of them is gone.</summary>
    public IReadOnlyList<string> Witnesses { get; init; } = [];

    /// <summary>Who must agree before a node becomes primary. Majority: the only choice with which no two nodes are ever primary at once.</summary>
    public Quorum Quorum { get; init; } = Quorum.Majority;

    /// <summary>Multicast or unicast. Multicast: one copy on the wire whatever the number of members (A12).</summary>
    public GroupTransport Transport { get; init; } = GroupTransport.Multicast;

    /// <summary>Network card of the synchronisation network. Empty: the one that has this member's address.</summary>
    [NodeLocal]
    public string Interface { get; init; } = "";

    /// <summary>Members' addresses on a second network, by which heartbeats go as well: with it the loss of the first network costs no primary. None. Not in the digest: it may be introduced node by node.</summary>
    [NodeLocal]
    public IReadOnlyList<MemberAddress> SecondPath { get; init; } = [];

    /// <summary>Multicast address. 239.192.77.1 lies in the organisation-local scope (RFC 2365), which routers do not carry outside.</summary>
    public IPAddress Address { get; init; } = new([239, 192, 77, 1]);

    /// <summary>UDP port of the group and TCP port of snapshots. 7770: unassigned at IANA.</summary>
    public int Port { get; init; } = 7770;

    /// <summary>UDP port of heartbeats, which have a socket and a thread of their own. 0 stands for the group's port + 1.</summary>
    public int HeartbeatPort { get; init; }

    /// <summary>Hops that a multicast datagram may go. 1: the synchronisation network is one segment.</summary>
    public int Ttl { get; init; } = 1;

    /// <summary>The group's keys, made by <c>appliance keygen</c>; readable by the owner only. Several keys may stand in it: the newest seals, all open.</summary>
    [NodeLocal, Reloadable]
    public string KeyFile { get; init; } = "/etc/appliance/group.key";

    /// <summary>Sealed or none. Sealed: the state holds session secrets.</summary>
    public GroupSecurity Security { get; init; } = GroupSecurity.Sealed;

    /// <summary>Time between heartbeats. 20 ms: ten of them fit into dead-after, at 0.1 % of a core.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>A member not heard for so long is suspected. 200 ms: virtual machines lose their processor for tens of milliseconds; 30-50 ms hold on metal.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>For how long a primary may act on the newest confirmation. 150 ms: well below dead-after, so that it has stopped before another may start.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Whether a host must carry the guard. Required: without it a frozen primary's kernel goes on answering for an address that another node has taken (E8).</summary>
    public GuardDemand Guard { get; init; } = GuardDemand.Required;

    /// <summary>Bytes that this node keeps to repair what others missed, and to which it lets them lag. 64 MiB: half a second of a 1 Gbit/s network.</summary>
    public ByteSize Window { get; init; } = ByteSize.OfMebibytes(64);

    /// <summary>A packed datagram leaves after so long at the latest. 50 us: a fifth of a network round trip, while a busy node fills its datagrams sooner.</summary>
    public TimeSpan FlushAfter { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>A gap is reported after so long. 500 us: switches with several queues reorder by less.</summary>
    public TimeSpan ReorderDelay { get; init; } = TimeSpan.FromMicroseconds(500);

    /// <summary>Most bytes sent in a second. 0 stands for no limit but the window and the repairs that are asked for.</summary>
    public ByteSize Rate { get; init; }

    /// <summary>Longest key in bytes. 1 KiB: session ids and cart names have tens.</summary>
    public ByteSize MaxKey { get; init; } = ByteSize.OfKibibytes(1);

    /// <summary>Longest value. 512 KiB: one value then holds up a 1 Gbit/s network for 4 ms at most.</summary>
    public ByteSize MaxValue { get; init; } = ByteSize.OfKibibytes(512);

    /// <summary>Most records in one atomic batch (MULTI/EXEC). 1024: a batch is applied in one go and holds up everything else for a millisecond at most.</summary>
    public int MaxBatchRecords { get; init; } = 1024;

    /// <summary>A deletion is remembered for so long for members that are away. 10 min: a host restarts in less; one away longer gets a replacing snapshot.</summary>
    public TimeSpan TombstoneRetention { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The heartbeat port with its default resolved.</summary>
    internal int EffectiveHeartbeatPort => HeartbeatPort == 0 ? Port + 1 : HeartbeatPort;

    /// <summary>The configured address of a node; null when it is no member.</summary>
    internal IPAddress? AddressOf(string node) => Members.FirstOrDefault(member => member.Name == node)?.Address;

    internal IEnumerable<SettingProblem> Validate() =>
        ValidateMembers().Concat(ValidateSecondPath()).Concat(ValidateNetwork()).Concat(ValidateTimes()).Concat(ValidateLimits());

    private IEnumerable<SettingProblem> ValidateMembers()
    {
        if (!NodeId.IsValidName(Name)) yield return new("name", $"'{Name}' is no group name: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'");
        if (Members.Count == 0) yield return new("members", "names no member: list all of them, for example 'members = a=10.77.0.1 b=10.77.0.2 c=10.77.0.3'");
        if (Members.Count > MaxMembers) yield return new("members", $"names {Members.Count} members; a group has at most {MaxMembers}");
        foreach (MemberAddress member in Members)
        {
            if (!NodeId.IsValidName(member.Name)) yield return new("members", $"'{member.Name}' is no node id: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'");
            if (member.Address.AddressFamily != AddressFamily.InterNetwork || IPAddress.Any.Equals(member.Address))
                yield return new("members", $"'{member}': the synchronisation network takes IPv4 unicast addresses");
        }
        foreach (string stranger in Witnesses.Where(name => Members.All(member => member.Name != name)))
            yield return new("witnesses", $"'{stranger}' is no member: [group] members names all of them");
        if (Members.Count > 0 && Members.All(member => Witnesses.Contains(member.Name))) yield return new("witnesses", "names all members: somebody must hold the state");
        if (Members.Count == 2 && Quorum == Quorum.Majority)
            yield return new("members", "two members have no majority when one is gone: add a witness, or set 'quorum = off' and read in docs/operations.md what that risks");
        foreach (string twice in Members.GroupBy(static member => member.Name).Where(static same => same.Count() > 1).Select(static same => same.Key))
            yield return new("members", $"names '{twice}' twice");
        foreach (IPAddress twice in Members.GroupBy(static member => member.Address).Where(static same => same.Count() > 1).Select(static same => same.Key))
            yield return new("members", $"gives {twice} to two members");
    }

    private IEnumerable<SettingProblem> ValidateSecondPath()
    {
        foreach (MemberAddress end in SecondPath)
        {
            if (Members.All(member => member.Name != end.Name)) yield return new("second-path", $"'{end.Name}' is no member: [group] members names all of them");
            if (Members.Any(member => member.Address.Equals(end.Address))) yield return new("second-path", $"'{end}' is an address of [group] members: a second path needs a network of its own");
            if (end.Address.Equals(IPAddress.Any) || end.Address.Equals(IPAddress.IPv6Any) || end.Address.IsIPv6Multicast) yield return new("second-path", $"'{end}' is no unicast address");
        }
        if (SecondPath.Select(static end => end.Address.AddressFamily).Distinct().Count() > 1) yield return new("second-path", "mixes IPv4 and IPv6: its heartbeats go from one socket");
        foreach (string twice in SecondPath.GroupBy(static end => end.Name).Where(static same => same.Count() > 1).Select(static same => same.Key)) yield return new("second-path", $"names '{twice}' twice");
        foreach (IPAddress twice in SecondPath.GroupBy(static end => end.Address).Where(static same => same.Count() > 1).Select(static same => same.Key)) yield return new("second-path", $"gives {twice} to two members");
    }

    private IEnumerable<SettingProblem> ValidateNetwork()
    {
        if (Address.AddressFamily != AddressFamily.InterNetwork || Address.GetAddressBytes()[0] is < 224 or > 239)
            yield return new("address", $"{Address} is no IPv4 multicast address: use one of 239.0.0.0/8");
        if (Port is < 1 or > 65534) yield return new("port", $"{Port} is no port: 1 to 65534");
        if (HeartbeatPort is < 0 or > 65535) yield return new("heartbeat-port", $"{HeartbeatPort} is no port: 0 to 65535");
        if (EffectiveHeartbeatPort == Port) yield return new("heartbeat-port", $"{HeartbeatPort} is the group's port: heartbeats need one of their own");
        if (Ttl is < 0 or > 255) yield return new("ttl", $"{Ttl} is no number of hops: 0 to 255");
        if (Security == GroupSecurity.Sealed && !Path.IsPathRooted(KeyFile)) yield return new("key-file", $"'{KeyFile}' must be an absolute path: the directory in which the program is started is chance");
    }

    private IEnumerable<SettingProblem> ValidateTimes()
    {
        if (Heartbeat < TimeSpan.FromMilliseconds(1) || Heartbeat > TimeSpan.FromSeconds(10)) yield return new("heartbeat", $"{Duration.Format(Heartbeat)} must be from 1ms to 10s");
        if (DeadAfter < Heartbeat * 3) yield return new("dead-after", $"{Duration.Format(DeadAfter)} must be at least three heartbeats ({Duration.Format(Heartbeat)} each): one lost datagram must not look like a death");
        if (Lease * (1 + ClockDrift) >= DeadAfter * (1 - ClockDrift))
            yield return new("lease", $"{Duration.Format(Lease)} must be shorter than dead-after ({Duration.Format(DeadAfter)}), with 1 % for the drift of each clock: a primary must fence itself before another may act");
        if (Lease <= Heartbeat * 2) yield return new("lease", $"{Duration.Format(Lease)} must be longer than two heartbeats ({Duration.Format(Heartbeat)} each): it is renewed by their echoes");
        if (FlushAfter > TimeSpan.FromMilliseconds(10)) yield return new("flush-after", $"{Duration.Format(FlushAfter)} must be at most 10ms: every acknowledged write waits for it");
        if (ReorderDelay > DeadAfter / 4) yield return new("reorder-delay", $"{Duration.Format(ReorderDelay)} must be at most a quarter of dead-after ({Duration.Format(DeadAfter)}): a repair must come before a suspicion");
        if (TombstoneRetention < DeadAfter * 10) yield return new("tombstone-retention", $"{Duration.Format(TombstoneRetention)} must be at least ten times dead-after ({Duration.Format(DeadAfter)}): a short pause must not need a snapshot");
    }

    private IEnumerable<SettingProblem> ValidateLimits()
    {
        if (Window < ByteSize.OfMebibytes(1) || Window > ByteSize.OfGibibytes(1)) yield return new("window", $"{Window} must be from 1MiB to 1GiB");
        if (Rate.Bytes != 0 && Rate < ByteSize.OfMebibytes(1)) yield return new("rate", $"{Rate} must be 0 (no limit) or at least 1MiB");
        if (MaxKey.Bytes is < 16 or > 65535) yield return new("max-key", $"{MaxKey} must be from 16B to 65535B");
        if (MaxValue < ByteSize.OfKibibytes(1) || MaxValue > ByteSize.OfMebibytes(8)) yield return new("max-value", $"{MaxValue} must be from 1KiB to 8MiB");
        if (MaxValue.Bytes > Window.Bytes / 4) yield return new("max-value", $"{MaxValue} must be at most a quarter of window ({Window}): a value must fit into the window beside others");
        if (MaxBatchRecords is < 1 or > 65535) yield return new("max-batch-records", $"{MaxBatchRecords} must be from 1 to 65535");
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;
using Appliance.Cluster.Failover;

namespace Appliance.Admin;

/// <summary>What <c>/status</c> answers: this node's view at one instant. Field names are stable and documented in docs/operations.md.</summary>
internal sealed record NodeStatus
{
    /// <summary>The node's id.</summary>
    public required string Id { get; init; }

    /// <summary>Its life: larger after every restart.</summary>
    public required ulong Incarnation { get; init; }

    /// <summary><c>data</c> or <c>witness</c>.</summary>
    public required string Role { get; init; }

    /// <summary>The program's version.</summary>
    public required string Version { get; init; }

    /// <summary>Seconds since the node started.</summary>
    public required long UptimeSeconds { get; init; }

    /// <summary>The operator has drained it: it takes no service.</summary>
    public required bool Drained { get; init; }

    /// <summary>This node holds the complete state of its services.</summary>
    public required bool Synchronised { get; init; }

    /// <summary>Bytes in use and allowed: [node] memory-limit.</summary>
    public required MemoryStatus Memory { get; init; }

    /// <summary>The group.</summary>
    public required GroupStatus Group { get; init; }

    /// <summary>The services in the order of the configuration.</summary>
    public required IReadOnlyList<ServiceStatus> Services { get; init; }

    /// <summary>The other members, configured or heard.</summary>
    public required IReadOnlyList<MemberStatus> Members { get; init; }

    /// <summary>The relay listeners in the order of the configuration.</summary>
    public IReadOnlyList<RelayStatus> Relays { get; init; } = [];

    /// <summary>The services whose relayed connections outlive their node.</summary>
    public IReadOnlyList<LiveStatus> Live { get; init; } = [];

    /// <summary>The TLS of those that terminate it.</summary>
    public IReadOnlyList<TlsStatus> Tls { get; init; } = [];

    /// <summary>The pools in the order of the configuration.</summary>
    public IReadOnlyList<BackendStatus> Backends { get; init; } = [];

    /// <summary>The last takeovers of this node, the oldest first; at most 16.</summary>
    public required IReadOnlyList<TakeoverStatus> Failovers { get; init; }

    /// <summary>What no other node would hold if this one died now.</summary>
    public required IReadOnlyList<LossStatus> WouldBeLost { get; init; }

    /// <summary>What an operator should look at; empty when all is well.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The status with what its relay says.</summary>
    internal NodeStatus With(RelayReport relay) => this with
    {
        Relays = relay.Relays,
        Tls = relay.Tls,
        Backends = relay.Backends,
        Services = [.. Services.Select(service => service with { Unhealthy = relay.Unhealthy.GetValueOrDefault(service.Name) })],
        Warnings =
        [
            .. Warnings, .. relay.AddressTroubles, .. relay.Unhealthy.Select(static pair => $"the check of service {pair.Key} fails here: {pair.Value}"),
            .. relay.Backends.Where(static pool => pool.Servers.All(static server => server.State == "down")).Select(static pool => $"every server of pool {pool.Name} is down: its clients are refused"),
            .. from tls in relay.Tls
               from certificate in tls.Certificates
               where certificate.Expires - DateTimeOffset.UtcNow < TlsView.ExpiryWarning
               select $"the certificate {certificate.File} of listener {tls.Name} ends at {certificate.Expires:u}",
        ],
    };
}

/// <summary>Memory of a node.</summary>
/// <param name="UsedBytes">Table, tombstones and buffers.</param>
/// <param name="LimitBytes">[node] memory-limit.</param>
internal sealed record MemoryStatus(long UsedBytes, long LimitBytes);

/// <summary>The group.</summary>
/// <param name="Name">[group] name.</param>
/// <param name="Transport"><c>multicast</c> or <c>unicast</c>.</param>
/// <param name="Security"><c>sealed</c> or <c>none</c>.</param>
/// <param name="Digest">SHA-256 of the group-wide settings, hexadecimal: alike on all nodes.</param>
internal sealed record GroupStatus(string Name, string Transport, string Security, string Digest);

/// <summary>One service.</summary>
internal sealed record ServiceStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>This node's role for it: <c>primary</c>, <c>secondary</c>, <c>recovering</c> or <c>witness</c>.</summary>
    public required string Role { get; init; }

    /// <summary>Id of the primary; null when none is known.</summary>
    public required string? Primary { get; init; }

    /// <summary>Its term.</summary>
    public required ulong Term { get; init; }

    /// <summary>For how long this node may still serve without a new confirmation; null when it holds no lease.</summary>
    public required long? LeaseLeftMilliseconds { get; init; }

    /// <summary>This node answers for the service: it has the lease, has cut, and owns the addresses.</summary>
    public required bool Serving { get; init; }

    /// <summary>Who is primary and how that came, or why nobody is.</summary>
    public required string Election { get; init; }

    /// <summary>Packets from or to the service's addresses that the guard dropped here.</summary>
    public required long Fenced { get; init; }

    /// <summary>The kernel's refusals of connects to the service's addresses that the guard withheld here: nobody listened behind a valid lease.</summary>
    public required long RefusalsWithheld { get; init; }

    /// <summary>The complete state of the service is here.</summary>
    public required bool Complete { get; init; }

    /// <summary>Why it is not complete, and what is done about it; null when it is.</summary>
    public required string? Why { get; init; }

    /// <summary>Why this node's check of the service fails, so that it yields to another; null when it does not fail.</summary>
    public string? Unhealthy { get; init; }

    /// <summary>Live keys; a hash counts once.</summary>
    public required long Keys { get; init; }

    /// <summary>Records held here: keys and fields of hashes, without tombstones.</summary>
    public required long Records { get; init; }

    /// <summary>Deletions that are remembered for members that are away.</summary>
    public required long Tombstones { get; init; }

    /// <summary>Bytes of keys and values.</summary>
    public required long Bytes { get; init; }

    /// <summary>Writes answered with fewer acknowledgements than promised (<c>when-short = accept</c>), since the node started.</summary>
    public required long AcceptedShort { get; init; }

    /// <summary>By class, all of them.</summary>
    public required IReadOnlyList<ClassStatus> Classes { get; init; }
}

/// <summary>One class of a service's records.</summary>
internal sealed record ClassStatus
{
    /// <summary>Its name.</summary>
    public required string Class { get; init; }

    /// <summary>Records held here.</summary>
    public required long Records { get; init; }

    /// <summary>Bytes of their keys and values.</summary>
    public required long Bytes { get; init; }

    /// <summary>Others that must have applied a write before it is answered.</summary>
    public required int Acks { get; init; }

    /// <summary>Others that could acknowledge now; null on a node that is not the primary.</summary>
    public required int? AcksAvailable { get; init; }

    /// <summary>The class meets its acknowledgements now; null on a node that is not the primary.</summary>
    public required bool? MeetsAcks { get; init; }

    /// <summary><c>refuse</c> or <c>accept</c>.</summary>
    public required string WhenShort { get; init; }

    /// <summary>Writes that fewer members than promised have applied so far.</summary>
    public required long Unconfirmed { get; init; }

    /// <summary>Records that made room for others since the node started.</summary>
    public required long Evictions { get; init; }

    /// <summary>Writes refused since the node started.</summary>
    public required long Refusals { get; init; }
}

/// <summary>Another member as this node sees it.</summary>
internal sealed record MemberStatus
{
    internal const string AbsentState = "absent", LiveState = "live";

    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>Its life; 0 while unknown.</summary>
    public required ulong Incarnation { get; init; }

    /// <summary><c>data</c> or <c>witness</c>; null while unknown.</summary>
    public required string? Role { get; init; }

    /// <summary><c>absent</c> (configured, never heard or gone), <c>joining</c>, <c>live</c>, <c>suspected</c>.</summary>
    public required string State { get; init; }

    /// <summary>It holds the complete state.</summary>
    public required bool Synchronised { get; init; }

    /// <summary>This node waits for it; false after it lagged past the limit.</summary>
    public required bool WaitedFor { get; init; }

    /// <summary><c>multicast</c>, <c>unicast</c>, or null when nothing goes there.</summary>
    public required string? Path { get; init; }

    /// <summary>Why the path is not the configured one; null when it is.</summary>
    public required string? PathCause { get; init; }

    /// <summary>Its heartbeats by the second path; null when [group] second-path does not join this node and it.</summary>
    public SecondPathStatus? SecondPath { get; init; }

    /// <summary>Messages of this node that it has not applied.</summary>
    public required long LagMessages { get; init; }

    /// <summary>Bytes of them.</summary>
    public required long LagBytes { get; init; }

    /// <summary>Age of the oldest of them.</summary>
    public required long LagMilliseconds { get; init; }

    /// <summary>Milliseconds since it was last heard; null when never.</summary>
    public required long? SilentMilliseconds { get; init; }

    /// <summary>Round trip; null while unknown.</summary>
    public required long? RoundTripMicroseconds { get; init; }

    /// <summary>Its clock minus ours.</summary>
    public required long ClockOffsetMilliseconds { get; init; }

    /// <summary>A configured member that was never heard, or is gone.</summary>
    internal static MemberStatus Absent(string id) => new()
    {
        Id = id,
        Incarnation = 0,
        Role = null,
        State = AbsentState,
        Synchronised = false,
        WaitedFor = false,
        Path = null,
        PathCause = null,
        LagMessages = 0,
        LagBytes = 0,
        LagMilliseconds = 0,
        SilentMilliseconds = null,
        RoundTripMicroseconds = null,
        ClockOffsetMilliseconds = 0,
    };
}

/// <summary>The second path of heartbeats from a member.</summary>
/// <param name="Address">Its end.</param>
/// <param name="Heard">A heartbeat came within dead-after.</param>
/// <param name="SilentMilliseconds">Since the last one; null: none ever came.</param>
internal sealed record SecondPathStatus(string Address, bool Heard, long? SilentMilliseconds);

/// <summary>A takeover by this node. The times are microseconds of its boot clock (CLOCK_BOOTTIME); null: it did not happen, or not yet.</summary>
/// <param name="Service">The service.</param>
/// <param name="Term">The term that was won.</param>
/// <param name="Kind">ordinary, hand-over, cold-start, with-loss.</param>
/// <param name="Suspected">The primary before fell silent for longer than dead-after, or offered the service.</param>
/// <param name="Elected">The vote was won.</param>
/// <param name="Collected">Enough members had said what they hold.</param>
/// <param name="Cut">The state was complete; the node writes.</param>
/// <param name="Address">The addresses were on their links and announced.</param>
internal sealed record TakeoverStatus(string Service, uint Term, string Kind, long? Suspected, long? Elected, long? Collected, long? Cut, long? Address);

/// <summary>What would be lost of one class of one service.</summary>
/// <param name="Service">The service.</param>
/// <param name="Class">The class.</param>
/// <param name="Records">Writes that no synchronised data member has applied.</param>
internal sealed record LossStatus(string Service, string Class, long Records);

/// <summary>JSON of the admin page.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(NodeStatus))]
[JsonSerializable(typeof(ReloadReport))]
[JsonSerializable(typeof(MembershipReport))]
[JsonSerializable(typeof(DrainReport))]
internal sealed partial class AdminJson : JsonSerializerContext;

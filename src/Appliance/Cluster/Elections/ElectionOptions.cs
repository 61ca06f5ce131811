using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What becomes of a service when no majority of recovered members exists (<c>[service] on-loss</c>).</summary>
public enum OnLoss
{
    /// <summary>Wait until one does, or the operator accepts the loss.</summary>
    Wait,

    /// <summary>After <c>on-loss-after</c> serve what is there, and report what may be lost.</summary>
    Serve,
}

/// <summary>A member of the first view.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Role">Data or witness; both vote.</param>
internal readonly record struct ElectionMember(string Name, MemberRole Role);

/// <summary>One service as the elections see it.</summary>
internal sealed record ElectionService
{
    /// <summary>Its name, for the vote store and the log.</summary>
    public required string Name { get; init; }

    /// <summary>This node's priority for it; the highest of those who may stand is elected.</summary>
    public byte Priority { get; init; } = 100;

    /// <summary>Elected before others of the same priority; none: <see cref="NodeId.None"/>.</summary>
    public NodeId Preferred { get; init; }

    /// <summary>A member of higher priority that returns takes the service over, by a planned hand-over.</summary>
    public bool Preempt { get; init; }

    /// <summary>What happens without a recovered majority.</summary>
    public OnLoss OnLoss { get; init; }

    /// <summary>For how long a recovered majority is awaited.</summary>
    public TimeSpan OnLossAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>It has state that a restart loses. False for the group's own service, whose records are stored.</summary>
    public bool HoldsState { get; init; } = true;
}

/// <summary>Everything about the elections of one node that does not change in its life.</summary>
internal sealed record ElectionOptions
{
    /// <summary>Most services beside the group's own: so many sections fit into a beat with the entries of 15 other members.</summary>
    internal const int MaxServices = 8;

    /// <summary>Most members that a view can name.</summary>
    internal const int MaxMembers = 16;

    /// <summary>This node's name.</summary>
    public required string Name { get; init; }

    /// <summary>The first view: all members, in the same order everywhere.</summary>
    public required IReadOnlyList<ElectionMember> Members { get; init; }

    /// <summary>The services in the order of the configuration; the group's own is added behind them.</summary>
    public required IReadOnlyList<ElectionService> Services { get; init; }

    /// <summary>Time between beats.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>An echo binds for so long.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>A lease lasts so long from the time at which the echoed beat was sent; shorter than <see cref="DeadAfter"/> by more than the drift of both clocks.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>False (<c>quorum = off</c>): a node that hears no primary acts alone; two separated nodes then both do.</summary>
    public bool Quorum { get; init; } = true;

    /// <summary>Fingerprint of the group-wide settings: voters that differ refuse each other.</summary>
    public ulong ConfigurationDigest { get; init; }

    /// <summary>What is wrong, in plain words.</summary>
    public IEnumerable<string> Validate()
    {
        if (Services.Count > MaxServices) yield return $"{Services.Count} services: at most {MaxServices} have room in a beat";
        if (Members.Count > MaxMembers) yield return $"{Members.Count} members: at most {MaxMembers} have room in a view";
        if (Lease * 1.01 >= DeadAfter * 0.99) yield return $"lease ({Lease}) must be shorter than dead-after ({DeadAfter}) with 1 % for the drift of each clock";
        if (Quorum && Members.Count == 2) yield return "two voters have no majority when one is gone: add a witness, or set quorum = off and read what that risks";
    }
}

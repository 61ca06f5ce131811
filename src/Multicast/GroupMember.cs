using System.Net;

namespace Appliance.Multicast;

/// <summary>What a node does in its group.</summary>
public enum MemberRole : byte
{
    /// <summary>Holds state and counts for acknowledgements.</summary>
    Data,

    /// <summary>Votes and holds no state; never counts for acknowledgements.</summary>
    Witness,
}

/// <summary>How this node sees another member now.</summary>
public enum MemberState : byte
{
    /// <summary>Heard, but its stream is not admitted yet.</summary>
    Joining,

    /// <summary>Its stream is admitted and its heartbeats arrive.</summary>
    Live,

    /// <summary>No heartbeat for longer than <c>dead-after</c>.</summary>
    Suspected,

    /// <summary>Said goodbye, or replaced by a newer incarnation.</summary>
    Left,
}

/// <summary>What changed about a member; see <see cref="IGroupHandler.OnMemberChanged"/>.</summary>
public enum MemberChange : byte
{
    /// <summary>Its stream was admitted: the member is live. Also for a new incarnation, which is a new <see cref="GroupMember"/>.</summary>
    Joined,

    /// <summary>Its heartbeats stopped.</summary>
    Suspected,

    /// <summary>A suspected member is heard again, in the same incarnation.</summary>
    Restored,

    /// <summary>It said goodbye or a newer incarnation took its place; this object is not used again.</summary>
    Left,

    /// <summary>It lagged past the limit: the sender waits for it no longer and it must resynchronise (as seen by the sender).</summary>
    Ejected,

    /// <summary>It declared itself synchronised, or no longer so (<see cref="GroupMember.Synchronised"/>).</summary>
    SynchronisedChanged,

    /// <summary>Multicast towards it stopped or works again (<see cref="GroupMember.ByUnicast"/>).</summary>
    PathChanged,
}

/// <summary>Another member of the group in one incarnation. Written by the engine, read on the loop thread only.</summary>
public sealed class GroupMember
{
    /// <summary>Creates a member as the engine first hears of it.</summary>
    internal GroupMember(NodeId node, string name, ulong incarnation)
    {
        Node = node;
        Name = name;
        Incarnation = incarnation;
    }

    /// <summary>The node's number.</summary>
    public NodeId Node { get; }

    /// <summary>The node's name.</summary>
    public string Name { get; }

    /// <summary>Its life; larger after every restart.</summary>
    public ulong Incarnation { get; }

    /// <summary>What it does in the group.</summary>
    public MemberRole Role { get; internal set; }

    /// <summary>How this node sees it.</summary>
    public MemberState State { get; internal set; }

    /// <summary>It declared that it holds the complete state (see <see cref="IGroup.DeclareSynchronised"/>).</summary>
    public bool Synchronised { get; internal set; }

    /// <summary>Our sender waits for it (flow control, stability). False after ejection until it declares itself synchronised again.</summary>
    public bool WaitedFor { get; internal set; }

    /// <summary>Traffic to it goes by unicast because multicast does not arrive there.</summary>
    public bool ByUnicast { get; internal set; }

    /// <summary>Of OUR stream: every sequence up to and including this one has arrived there.</summary>
    public ulong ReceivedThrough { get; internal set; }

    /// <summary>Of OUR stream: every sequence up to and including this one is applied there.</summary>
    public ulong AppliedThrough { get; internal set; }

    /// <summary>Of ITS stream: every sequence up to and including this one has been delivered here.</summary>
    public ulong DeliveredThrough { get; internal set; }

    /// <summary>When it was last heard.</summary>
    public Timestamp LastHeard { get; internal set; }

    /// <summary>When a heartbeat of it came last by the second path (P-99); null: none ever did.</summary>
    public Timestamp? LastHeardBySecondPath { get; internal set; }

    /// <summary>Measured round trip; zero while unknown.</summary>
    public TimeSpan RoundTrip { get; internal set; }

    /// <summary>Its clock minus ours in milliseconds of wall time, measured on the heartbeats; 0 while unknown.</summary>
    public long ClockOffsetMilliseconds { get; internal set; }

    /// <summary>Where its synchronisation service listens (TCP); null while unknown.</summary>
    public IPEndPoint? SynchronisationEndPoint { get; internal set; }

    /// <summary>A slot for the state layer above, untouched by the engine.</summary>
    public object? Tag { get; set; }
}

using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>Why a node is not admitted.</summary>
internal enum RefusalReason : byte
{
    /// <summary>Admitted.</summary>
    None,

    /// <summary>A node of this name is alive in another incarnation: a clone, or a restart before the old life is silent.</summary>
    NodeAlive,

    /// <summary>A node with another name has the same number.</summary>
    NameClash,

    /// <summary>The wire versions do not overlap.</summary>
    WireVersion,

    /// <summary>A larger incarnation of this node was known: the node lost its persisted number.</summary>
    StaleIncarnation,

    /// <summary>Settings that must be equal in the group differ (datagram size, largest message).</summary>
    SettingsDiffer,

    /// <summary>No room for another member.</summary>
    GroupFull,
}

/// <summary>A member's refusal to admit this node.</summary>
/// <param name="Reason">Why.</param>
/// <param name="By">Who refused.</param>
/// <param name="Incarnation">The incarnation that is known there, or 0.</param>
/// <param name="Address">Where the other life answers, or null.</param>
/// <param name="Since">When the first came of those that say the same.</param>
/// <param name="At">When this one came.</param>
internal sealed record JoinRefusal(RefusalReason Reason, NodeId By, ulong Incarnation, IPEndPoint? Address, Timestamp Since, Timestamp At);

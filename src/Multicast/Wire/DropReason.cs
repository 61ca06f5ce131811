namespace Appliance.Multicast.Wire;

/// <summary>Why a datagram had no effect. Every one is counted by its reason; none is answered (P-09).</summary>
internal enum DropReason : byte
{
    /// <summary>Not dropped.</summary>
    None,

    /// <summary>Shorter than its header or body says.</summary>
    Truncated,

    /// <summary>A length, count or enumeration that cannot be; of an authentic datagram as well.</summary>
    Malformed,

    /// <summary>A wire version that is not spoken here.</summary>
    WireVersion,

    /// <summary>Another group on the same address.</summary>
    ForeignGroup,

    /// <summary>A type that is unknown here and not ignorable.</summary>
    UnknownCriticalType,

    /// <summary>Sealed where nothing is, or not sealed where everything must be.</summary>
    SecurityMismatch,

    /// <summary>A key id that is not accepted.</summary>
    UnknownKey,

    /// <summary>No admitted stream of this node and incarnation.</summary>
    UnknownStream,

    /// <summary>The tag does not match: forged, damaged, or sealed with another key.</summary>
    NotAuthentic,

    /// <summary>A counter that was seen before.</summary>
    Replayed,

    /// <summary>A sequence beyond the receive window.</summary>
    BeyondWindow,

    /// <summary>A SETUP that does not echo our nonce.</summary>
    NonceMismatch,

    /// <summary>An older life of a node that is known in a newer one.</summary>
    StaleIncarnation,

    /// <summary>A second life of a node that is alive: a clone, or a restart before the old life is silent.</summary>
    NodeAlive,

    /// <summary>Another node's name with the same number.</summary>
    NodeConflict,

    /// <summary>A JOIN with our own id from another life: a clone.</summary>
    OwnIdElsewhere,

    /// <summary>Group-wide settings or wire versions that do not go together.</summary>
    Incompatible,

    /// <summary>No room for another member, or more joiners than are handled at a time.</summary>
    Overload,
}

using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>Who this node is in this life. All randomness of the engine is in here: equal identities make equal runs.</summary>
internal sealed record EngineIdentity
{
    /// <summary>The node's name (see <see cref="NodeId.IsValidName"/>).</summary>
    public required string Name { get; init; }

    /// <summary>This life; larger than every earlier one (persisted by the caller), at least 1.</summary>
    public required ulong Incarnation { get; init; }

    /// <summary>128 random bits of this life: no two lives seal with the same key, even of a cloned machine (P-11).</summary>
    public required UInt128 Salt { get; init; }

    /// <summary>64 random bits that a SETUP must echo (P-31).</summary>
    public required ulong Nonce { get; init; }

    /// <summary>Seed of the backoff's generator.</summary>
    public required ulong RandomSeed { get; init; }

    /// <summary>What the node does in the group.</summary>
    public MemberRole Role { get; init; } = MemberRole.Data;

    /// <summary>Where its synchronisation service listens (TCP); told to the others in JOIN and SETUP.</summary>
    public IPEndPoint? SynchronisationEndPoint { get; init; }
}

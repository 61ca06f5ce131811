using System.Net;

namespace Appliance.Cluster.Addresses;

/// <summary>Another host's claim on one of our addresses.</summary>
/// <param name="Address">The address.</param>
/// <param name="Kind">How it was noticed.</param>
/// <param name="Claimant">The other host's MAC.</param>
internal sealed record AddressConflict(IPAddress Address, ConflictKind Kind, HardwareAddress Claimant)
{
    /// <summary>One sentence for a log.</summary>
    public override string ToString() => Kind switch
    {
        ConflictKind.Answered => $"{Address} is answered for by {Claimant}",
        ConflictKind.Announced => $"{Address} is announced by {Claimant}",
        ConflictKind.Used => $"{Address} is used by {Claimant}",
        _ => $"{Claimant} asks whether {Address} is free",
    };
}

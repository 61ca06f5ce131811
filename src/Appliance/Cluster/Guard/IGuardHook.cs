using Appliance.Cluster.Addresses;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Guard;

/// <summary>One way to hang the two programs on a link so that they outlive the process.</summary>
internal interface IGuardHook
{
    /// <summary>Attaches the program, or exchanges the one that an earlier process attached, without a moment in which none is there.</summary>
    /// <exception cref="GuardException">Refused.</exception>
    void Attach(NetworkLink link, GuardDirection direction, SafeFileHandle program);

    /// <summary>Whether the program is attached and the first to see packets; null when all is well, otherwise one sentence.</summary>
    string? Verify(NetworkLink link, GuardDirection direction, SafeFileHandle program);

    /// <summary>Removes what this guard attached to links other than these.</summary>
    void DetachOthers(IReadOnlyList<NetworkLink> keep);
}

namespace Appliance.Cluster.Guard;

/// <summary>How the guard hangs on a link.</summary>
internal enum GuardAttachment
{
    /// <summary>TCX, or clsact where the kernel has none.</summary>
    Automatic,

    /// <summary>Pinned TCX links (Linux 6.6): removed only by unlinking the pin.</summary>
    Tcx,

    /// <summary>Filters of a clsact queueing discipline (Linux 4.5): removed by whoever deletes filters or the discipline, so <see cref="LeaseGuard.Verify"/> matters more.</summary>
    Clsact,
}

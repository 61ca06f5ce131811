namespace Appliance.Cluster.Guard;

/// <summary>Why a host cannot carry the lease guard.</summary>
internal enum GuardFault
{
    /// <summary>The process lacks CAP_BPF, CAP_NET_ADMIN, or (to mount a bpffs) CAP_SYS_ADMIN.</summary>
    MissingCapability,

    /// <summary>The kernel lacks what the guard is made of.</summary>
    KernelTooOld,

    /// <summary>No bpffs where pins of this process would outlive it.</summary>
    BpfFileSystemMissing,

    /// <summary>RLIMIT_MEMLOCK is too small (before Linux 5.11).</summary>
    MemoryLock,

    /// <summary>A link does not exist or is no Ethernet link.</summary>
    UnusableLink,

    /// <summary>Another living process, or another program of the hook, stands in the way.</summary>
    InUse,

    /// <summary>The boot clock of this process is shifted against the kernel's (time namespace).</summary>
    ShiftedClock,

    /// <summary>What was asked is contradictory or beyond the limits.</summary>
    BadRequest,

    /// <summary>The kernel refused for a reason of its own, which the message tells.</summary>
    Refused,
}

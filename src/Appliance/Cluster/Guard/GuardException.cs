using Appliance.Interop;

namespace Appliance.Cluster.Guard;

/// <summary>The lease guard could not be installed or removed; the message is one sentence with the remedy.</summary>
internal sealed class GuardException : Exception
{
    internal GuardException(GuardFault fault, string message) : base(message) => Fault = fault;

    /// <summary>What kind of obstacle it is.</summary>
    internal GuardFault Fault { get; }

    /// <summary>Throws the clearest sentence for a refused bpf(2) call.</summary>
    /// <param name="doing">What was tried, to follow "cannot".</param>
    /// <param name="result">Negated errno.</param>
    internal static GuardException FromBpf(string doing, int result)
    {
        int errno = -result;
        if (errno is Errno.NotPermitted or Errno.AccessDenied)
        {
            string? missing = Capabilities.MissingForGuard();
            return missing is not null
                ? new(GuardFault.MissingCapability, $"cannot {doing}: the process lacks {missing}; start it as root, or grant it (systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN)")
                : new(GuardFault.MemoryLock, $"cannot {doing}: not permitted although the capabilities are there; before Linux 5.11 raise the memory lock limit (systemd: LimitMEMLOCK=infinity), otherwise a security module or kernel lockdown forbids it");
        }
        return errno switch
        {
            Errno.NoSystemCall => new(GuardFault.KernelTooOld, $"cannot {doing}: this kernel is built without bpf(2); the guard needs Linux 5.8 with CONFIG_BPF_SYSCALL"),
            Errno.OutOfMemory => new(GuardFault.MemoryLock, $"cannot {doing}: out of memory or over the memory lock limit (systemd: LimitMEMLOCK=infinity)"),
            _ => new(GuardFault.Refused, $"cannot {doing}: {Errno.Text(errno)}"),
        };
    }
}

using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Multicast;

namespace Appliance.Host;

/// <summary>What the user who runs the check may do: capabilities by name, and the limits that stand in for some of them.</summary>
internal static class PermissionCheck
{
    private const int HeartbeatPriority = 10;

    /// <summary>Looks at everything; nothing is changed.</summary>
    internal static IEnumerable<Finding> Examine(ApplianceConfiguration configuration)
    {
        yield return Realtime(configuration.Node.Realtime);
        yield return LockedMemory(configuration.Node.LockMemory);
        if (HostFacts.Sysctl("kernel.sched_rt_runtime_us") == "0" && configuration.Node.Realtime != Permission.No)
            yield return new(Severity.Warning, "kernel.sched_rt_runtime_us", "0: the kernel runs no real-time thread at all, heartbeats among them", "sysctl -w kernel.sched_rt_runtime_us=950000");
        if (configuration.Node.Role != MemberRole.Data) yield break;
        if (configuration.Services.Any(static service => service.Addresses.Count > 0))
        {
            yield return Capability(Capabilities.NetAdmin, "CAP_NET_ADMIN", "the services' addresses cannot be set");
            yield return Capability(Capabilities.NetRaw, "CAP_NET_RAW", "the services' addresses cannot be announced: neighbours go on sending to the node that had them");
        }
        if (configuration.Listeners.Where(static listener => listener.Port < FirstFreePort()).MinBy(static listener => listener.Port) is { } low)
            yield return Capability(Capabilities.NetBindService, "CAP_NET_BIND_SERVICE", $"[listener {low.Name}] cannot listen on port {low.Port}");
        yield return OpenFiles(configuration);
    }

    private static Finding Realtime(Permission wanted)
    {
        const string subject = "real-time priority";
        if (wanted == Permission.No) return new(Severity.Ok, subject, "not asked for");
        if (Capabilities.Has(Capabilities.SysNice)) return new(Severity.Ok, subject, "by CAP_SYS_NICE");
        long limit = HostFacts.Limit("Max realtime priority");
        return limit >= HeartbeatPriority
            ? new(Severity.Ok, subject, $"by its limit of {limit}")
            : new(Refusal(wanted), subject, $"no CAP_SYS_NICE, and a limit of {limit}: heartbeats run without SCHED_FIFO and may be late under load", Grant("CAP_SYS_NICE"));
    }

    /// <summary>The limit counts address space, of which the runtime reserves far more than there is memory: only no limit is enough.</summary>
    private static Finding LockedMemory(Permission wanted)
    {
        const string subject = "locked memory";
        if (wanted == Permission.No) return new(Severity.Ok, subject, "not asked for");
        if (Capabilities.Has(Capabilities.IpcLock)) return new(Severity.Ok, subject, "by CAP_IPC_LOCK");
        long limit = HostFacts.Limit("Max locked memory");
        return limit == long.MaxValue
            ? new(Severity.Ok, subject, "without limit")
            : new(Refusal(wanted), subject, $"no CAP_IPC_LOCK, and a limit of {limit} bytes: memory is not locked and heartbeats may wait for the disk", Grant("CAP_IPC_LOCK"));
    }

    private static Finding OpenFiles(ApplianceConfiguration configuration)
    {
        const int ownFiles = 256;
        long needed = configuration.Listeners.Sum(static listener => (long)listener.MaxClients) + ownFiles, limit = HostFacts.Limit("Max open files");
        return limit >= needed
            ? new(Severity.Ok, "open files", $"{limit}")
            : new(Severity.Warning, "open files", $"{limit}, but the listeners' max-clients need {needed}: clients beyond it are not accepted", $"LimitNOFILE={needed} in the service's unit");
    }

    private static Finding Capability(int bit, string name, string without) =>
        Capabilities.Has(bit) ? new(Severity.Ok, name, "present") : new(Severity.Error, name, $"absent: {without}", Grant(name));

    private static Severity Refusal(Permission wanted) => wanted == Permission.Yes ? Severity.Error : Severity.Warning;

    private static string Grant(string capability) => $"AmbientCapabilities={capability} in the service's unit (packaging/appliance.service has it)";

    private static int FirstFreePort() => int.TryParse(HostFacts.Sysctl("net.ipv4.ip_unprivileged_port_start"), out int port) ? port : 1024;
}

using System.Globalization;
using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Multicast;

namespace Appliance.Host;

/// <summary>How grave a finding is.</summary>
internal enum Severity
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Better otherwise; everything works as it is.</summary>
    Advice,

    /// <summary>The node runs, but not as well as it could.</summary>
    Warning,

    /// <summary>The node will not start or will not work.</summary>
    Error,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Severity">How grave it is.</param>
/// <param name="Subject">What was looked at: <c>interface sync</c>.</param>
/// <param name="Message">What was found.</param>
/// <param name="Fix">A command that mends it; null when there is none.</param>
internal sealed record Finding(Severity Severity, string Subject, string Message, string? Fix = null);

/// <summary>Whether this host can carry a configuration: <c>appliance check</c>.</summary>
internal static class HostCheck
{
    private const int ReceiveBufferBytes = 16 << 20;

    /// <summary>Looks at everything; nothing is changed.</summary>
    internal static IReadOnlyList<Finding> Examine(ApplianceConfiguration configuration) =>
    [
        .. ExamineNetwork(configuration), .. ExamineSecondPath(configuration), .. ExamineKeys(configuration), .. ExamineDirectories(configuration),
        .. ExamineListeners(configuration), .. AddressCheck.Examine(configuration), .. PermissionCheck.Examine(configuration), .. ExamineKernel(),
    ];

    private static IEnumerable<Finding> ExamineNetwork(ApplianceConfiguration configuration)
    {
        GroupOptions group = configuration.Group;
        IPAddress own = group.AddressOf(configuration.Node.Id)!;
        string? holder = HostFacts.InterfaceWith(own);
        string name = group.Interface.Length > 0 ? group.Interface : holder ?? "";
        if (holder is null) yield return new(Severity.Error, $"address {own}", "no network card has it, although [group] members gives it to this node", $"ip address add {own}/24 dev CARD");
        if (name.Length == 0) yield break;
        string subject = $"interface {name}";
        using var socket = new RouteSocket(); // netlink: /sys may show the network cards of another namespace
        if (LinkTable.TryFind(socket, name) is not { } link)
        {
            yield return new(Severity.Error, subject, "does not exist");
            yield break;
        }
        if (holder is not null && holder != name) yield return new(Severity.Error, subject, $"has not this member's address {own}: that is at {holder}");
        if (group.Transport == GroupTransport.Multicast && !link.CarriesMulticast) yield return new(Severity.Error, subject, "does not carry multicast", $"ip link set {name} multicast on");
        if (!link.HasCarrier) yield return new(Severity.Warning, subject, "has no carrier: is the cable in, is the card up?", $"ip link set {name} up");
        int mtu = link.MtuBytes;
        yield return mtu < 1500
            ? new(Severity.Warning, subject, $"MTU {mtu}: datagrams will be smaller than on the other nodes if theirs is 1500", $"ip link set {name} mtu 1500")
            : new(Severity.Ok, subject, $"exists, MTU {mtu}, {(group.Transport == GroupTransport.Multicast ? "carries multicast" : "unicast")}");
    }

    private static IEnumerable<Finding> ExamineSecondPath(ApplianceConfiguration configuration)
    {
        if (configuration.Group.SecondPath.FirstOrDefault(end => end.Name == configuration.Node.Id)?.Address is not { } own) yield break;
        string? holder = HostFacts.InterfaceWith(own), first = HostFacts.InterfaceWith(configuration.Group.AddressOf(configuration.Node.Id)!);
        string subject = $"second path {own}";
        yield return holder is null ? new(Severity.Warning, subject, "no network card has it, although [group] second-path gives it to this node: heartbeats go by the first path alone", $"ip address add {own}/24 dev CARD")
            : holder == first ? new(Severity.Warning, subject, $"is on the card of the synchronisation network, {holder}: both paths fail together")
            : new(Severity.Ok, subject, $"on {holder}");
    }

    private static IEnumerable<Finding> ExamineKeys(ApplianceConfiguration configuration)
    {
        if (configuration.Group.Security == GroupSecurity.None)
        {
            yield return new(Severity.Warning, "security", "none: everybody on the network can read and forge the state of all sessions");
            yield break;
        }
        string path = configuration.Group.KeyFile;
        (KeyFile? keys, string? problem) = KeyFile.Load(path);
        yield return keys is null
            ? new(Severity.Error, "key file", problem!, File.Exists(path) ? $"chmod 600 {path}" : $"appliance keygen {path}")
            : new(Severity.Ok, "key file", $"{path}: {keys.Keys[0]} seals, {keys.Keys.Count} open");
    }

    private static IEnumerable<Finding> ExamineDirectories(ApplianceConfiguration configuration)
    {
        yield return ExamineDirectory("state directory", configuration.Node.StateDirectory);
        yield return ExamineDirectory("admin socket's directory", Path.GetDirectoryName(configuration.Admin.Socket)!);
    }

    // Nothing is written: the nearest existing parent tells whether it could be.
    private static Finding ExamineDirectory(string subject, string path)
    {
        string? existing = path;
        while (existing is not null && !Directory.Exists(existing)) existing = Path.GetDirectoryName(existing);
        bool writable = existing is not null && (Environment.IsPrivilegedProcess || (File.GetUnixFileMode(existing) & UnixFileMode.OtherWrite) != 0 || IsWritable(existing));
        return writable
            ? new(Severity.Ok, subject, existing == path ? $"{path} is writable" : $"{path} will be made")
            : new(Severity.Error, subject, $"{path} cannot be written by this user", $"install -d -m 700 -o {Environment.UserName} {path}");
    }

    private static bool IsWritable(string directory)
    {
        try
        {
            using FileStream probe = new(Path.Combine(directory, $".check.{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static IEnumerable<Finding> ExamineListeners(ApplianceConfiguration configuration)
    {
        foreach (ListenerOptions listener in configuration.Listeners)
        {
            string subject = $"listener {listener.Name}";
            if (listener.PasswordFile.Length > 0 && PasswordFile.Load(listener.PasswordFile).Problem is { } problem) yield return new(Severity.Error, subject, problem);
            foreach (IPAddress address in configuration.NodeAddressesOf(listener).Where(static address => HostFacts.InterfaceWith(address) is null))
                yield return new(Severity.Error, subject, $"no network card has {address}", $"ip address add {address}/24 dev CARD");
        }
    }

    private static IEnumerable<Finding> ExamineKernel()
    {
        foreach (string setting in new[] { "net.core.rmem_max", "net.core.wmem_max" })
        {
            string? value = HostFacts.Sysctl(setting);
            if (value is null || !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)) continue; // a network namespace does not show it
            bool enough = bytes >= ReceiveBufferBytes || Capabilities.Has(Capabilities.NetAdmin); // SO_RCVBUFFORCE
            yield return enough
                ? new(Severity.Ok, setting, $"{bytes} bytes")
                : new(Severity.Warning, setting, $"{bytes} bytes: bursts will be dropped and repaired", $"sysctl -w {setting}={ReceiveBufferBytes}");
        }
        if (HostFacts.ClockSource() is not { } clock) yield break;
        const string file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        string[] slow = ["acpi_pm", "hpet", "jiffies", "pit", "refined-jiffies", "xen"];
        string? better = clock.Available.Split(' ').FirstOrDefault(source => source.Length > 0 && !slow.Contains(source));
        yield return !slow.Contains(clock.Current)
            ? new(Severity.Ok, "clock source", clock.Current)
            : new(Severity.Warning, "clock source", $"{clock.Current}: every look at the clock is a system call, and leases look often", better is null ? null : $"echo {better} > {file}");
    }
}

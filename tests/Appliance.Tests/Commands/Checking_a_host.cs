using System.Diagnostics;
using System.Text.Json;
using Appliance.Commands;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Host;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Commands;

/// <summary><c>appliance check</c> on a host with a service's address: the kernel's settings, permissions by name, the guard.</summary>
public sealed class Checking_a_host : IDisposable
{
    private readonly HostAndClient _pair = new();
    private readonly TemporaryDirectory _directory = new();

    public void Dispose()
    {
        _pair.Dispose();
        _directory.Dispose();
    }

    [RootFact]
    public void Every_fix_of_a_kernel_setting_makes_the_check_silent_about_it()
    {
        TestNamespace.Command("nsenter", $"--net=/run/netns/{_pair.Host.Name}", "sysctl", "-q", "-w", $"net.ipv4.conf.{HostAndClient.HostLink}.rp_filter=1", "net.ipv4.conf.all.arp_ignore=0");
        (int code, List<Finding> before) = Check([]);
        Assert.Equal(ExitCode.Done, code);
        Assert.Contains(before, static finding => finding is { Severity: "warning", Subject: "net.ipv4.conf.all.arp_ignore", Fix: "sysctl -w net.ipv4.conf.all.arp_ignore=1" });
        Assert.Contains(before, static finding => finding is { Severity: "warning", Subject: $"net.ipv4.conf.{HostAndClient.HostLink}.rp_filter" });
        Assert.Contains(before, static finding => finding is { Severity: "ok", Subject: "guard, trial" });
        Assert.All(HostAndClientAddresses, address => Assert.Contains(before, finding => finding is { Severity: "ok", Subject: "service shop" } && finding.Message == $"{address} on {HostAndClient.HostLink}"));

        // Settings of the namespace only: the fixes of the host's own are left to its operator.
        foreach (Finding finding in before.Where(static finding => finding.Severity != "ok" && finding.Subject.StartsWith("net.ipv", StringComparison.Ordinal)))
            TestNamespace.Command("nsenter", [$"--net=/run/netns/{_pair.Host.Name}", .. finding.Fix!.Split(' ')]);

        Assert.DoesNotContain(Check([]).Findings, static finding => finding.Severity != "ok" && finding.Subject.StartsWith("net.ipv", StringComparison.Ordinal));
    }

    [RootTheory]
    [InlineData("CAP_NET_ADMIN", "error", "CAP_NET_ADMIN")]
    [InlineData("CAP_NET_RAW", "error", "CAP_NET_RAW")]
    [InlineData("CAP_NET_BIND_SERVICE", "error", "CAP_NET_BIND_SERVICE")]
    [InlineData("CAP_BPF", "error", "guard, capabilities")]
    [InlineData("CAP_IPC_LOCK", "warning", "locked memory")]
    [InlineData("CAP_SYS_NICE", "warning", "real-time priority")]
    public void Names_each_capability_of_the_unit_that_is_missing(string capability, string severity, string subject)
    {
        (int code, List<Finding> findings) = Check([.. UnprivilegedUser.LauncherWithout(capability)]);

        Finding finding = Assert.Single(findings, finding => finding.Subject == subject);
        Assert.Equal(severity, finding.Severity);
        Assert.Contains(capability, $"{finding.Subject} {finding.Message} {finding.Fix}", StringComparison.Ordinal);
        Assert.Equal(findings.Any(static finding => finding.Severity == "error") ? ExitCode.Failed : ExitCode.Done, code);
        if (severity == "error") Assert.Equal(ExitCode.Failed, code);
    }

    [RootFact]
    public void Tells_an_ordinary_user_the_command_that_makes_a_place_for_the_guard()
    {
        // In a mount namespace that has no bpffs, whatever this host has.
        (int code, List<Finding> findings) = Check(["unshare", "--mount", "sh", "-c", "umount --lazy --all-targets --quiet /sys/fs/bpf; exec \"$@\"", "sh", .. UnprivilegedUser.Launcher]);

        Finding[] wrong = [.. findings.Where(static finding => finding.Severity == "error")];
        Assert.Equal((ExitCode.Failed, "guard, bpffs"), (code, Assert.Single(wrong).Subject));
        Assert.Contains("run 'mount -t bpf bpf /sys/fs/bpf' as root", wrong[0].Message, StringComparison.Ordinal);
    }

    [RootTheory]
    [InlineData("required", ExitCode.Failed, "error")]
    [InlineData("best-effort", ExitCode.Done, "warning")]
    public void A_host_without_the_guard_is_as_bad_as_the_configuration_says(string demand, int code, string severity)
    {
        (int actual, List<Finding> findings) = Check([.. UnprivilegedUser.LauncherWithout("CAP_BPF")], $"guard = {demand}");

        Assert.Equal(code, actual);
        Assert.Equal(severity, Assert.Single(findings, static finding => finding.Subject == "guard, capabilities").Severity);
    }

    [RootTheory]
    [InlineData("10.99.0.1", "", "no network card has a network that contains 10.99.0.1: name one as [service shop] interface")]
    [InlineData("10.71.0.100", "interface = eth99", "the network card 'eth99' for 10.71.0.100 does not exist")]
    [InlineData("10.71.0.100", "interface = tun0", "the network card 'tun0' for 10.71.0.100 is no Ethernet card: there the guard cannot watch it, and nobody hears announcements")]
    public void Says_that_a_service_has_no_network_card(string address, string setting, string message)
    {
        _pair.Host.Ip("tuntap add dev tun0 mode tun");
        (int code, List<Finding> findings) = Check([], service: $"addresses = {address}\n{setting}");

        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains(findings, finding => finding is { Severity: "error", Subject: "service shop" } && finding.Message == message);
    }

    private static string[] HostAndClientAddresses => [HostAndClient.Floating.ToString(), HostAndClient.Floating6.ToString()];

    private (int Code, List<Finding> Findings) Check(string[] launcher, string group = "", string? service = null)
    {
        string configuration = _directory.File("node.conf");
        File.WriteAllText(configuration, $"""
            [node]
            id = a
            state-directory = {_directory.File("state")}
            [group]
            members = a={HostAndClient.HostAddress}
            security = none
            {group}
            [class purchase]
            acks = 0
            [admin]
            socket = {_directory.File("admin.sock")}
            [listener web]
            service = shop
            type = resp
            port = 80
            [service shop]
            {service ?? $"addresses = {string.Join(' ', HostAndClientAddresses)}"}
            """);
        UnprivilegedUser.Give(_directory.Path);
        string[] command = [$"--net=/run/netns/{_pair.Host.Name}", .. launcher, UnprivilegedUser.ReadableProgram, "check", "--json", "--config", configuration];
        using Process process = Process.Start(new ProcessStartInfo("nsenter", command) { RedirectStandardOutput = true })!;
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        using JsonDocument document = JsonDocument.Parse(text);
        Assert.True(document.RootElement.GetProperty("valid").GetBoolean(), text);
        return (process.ExitCode, [.. document.RootElement.GetProperty("findings").EnumerateArray().Select(static finding => new Finding(
            finding.GetProperty("severity").GetString()!, finding.GetProperty("subject").GetString()!, finding.GetProperty("message").GetString()!, finding.GetProperty("fix").GetString()))]);
    }

    private sealed record Finding(string Severity, string Subject, string Message, string? Fix);
}

using System.Globalization;
using System.Net;
using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Tests.Appliance.Cluster.Guard;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>The program as an ordinary user with exactly the capabilities of packaging/appliance.service: all works, once root has prepared the bpffs.</summary>
public sealed class Without_root
{
    private const int Fifo = 1;
    private static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(500), Patience = TimeSpan.FromSeconds(20);
    private static readonly IPAddress[] Addresses = [HostAndClient.Floating, HostAndClient.Floating6];

    [RootFact]
    public void A_node_joins_its_group_with_real_time_heartbeats_and_locked_memory()
    {
        using var host = new TestNamespace();
        string[] launcher = ["nsenter", $"--net=/run/netns/{host.Name}", .. UnprivilegedUser.Launcher];
        const string members = "a=127.77.0.1 b=127.77.0.2 c=127.77.0.3", insist = "realtime = yes\nlock-memory = yes\n";
        using var first = new NodeProcess("a", members, host.Name, insist, null, launcher);
        using var second = new NodeProcess("b", members, host.Name, insist, null, launcher);
        first.AwaitServing();
        second.AwaitServing();

        Assert.True(SpinWait.SpinUntil(() => first.Status().Contains("\"id\":\"b\"", StringComparison.Ordinal) && first.Status().Contains("\"state\":\"live\",\"synchronised\":true", StringComparison.Ordinal), Patience));
        foreach (NodeProcess node in new[] { first, second })
        {
            string[] lines = File.ReadAllLines($"/proc/{node.Id}/status");
            string Field(string name) => lines.Single(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(':')[1].Trim();
            Assert.NotEqual("0", Field("Uid").Split('\t')[0]);
            foreach (string set in new[] { "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb" }) Assert.Equal(Expected, ulong.Parse(Field(set), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            Assert.NotEqual("0 kB", Field("VmLck"));
            string heartbeat = Directory.EnumerateDirectories($"/proc/{node.Id}/task").Single(static task => File.ReadAllText(task + "/comm").Trim() == "heartbeat");
            string[] behindName = File.ReadAllText(heartbeat + "/stat").Split(") ")[1].Split(' ');
            Assert.Equal(Fifo, int.Parse(behindName[41 - 3], CultureInfo.InvariantCulture)); // proc(5): field 41 is the policy, field 3 comes first here
        }
        Assert.Equal(0, second.End());
        Assert.Equal(0, first.End());
    }

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void The_guard_is_installed_outlives_its_process_and_is_taken_over(string attachment)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        GuardOptions options = place.Options with { PinPath = place.Options.PinPath + "/appliance" };
        Mount(place.Options.PinPath);
        if (attachment == nameof(GuardAttachment.Tcx)) Run(CommandIn(Assert.IsType<string>(RefusalOf(pair, options))));
        else CreateAsShipped(place.Options.PinPath);
        pair.AddToHost(Addresses);
        using var pinger = new Pinger(pair.Client, HostAndClient.Floating);

        using (GuardHolder first = Start(pair, options))
        {
            Assert.Equal("holding", first.FirstLine);
            Assert.True(pinger.WaitForAnswer(Patience));
            first.Kill();
        }
        Assert.True(File.Exists(Path.Combine(options.PinPath, "a_2e1", "v1-services")));
        using GuardHolder second = Start(pair, options);
        Assert.Equal("holding", second.FirstLine);
        Assert.True(pinger.WaitForAnswer(Patience));
        second.Kill();
        Assert.True(pair.Host.Run(() => LeaseGuard.Uninstall(options)));
    }

    [RootFact]
    public void Says_that_another_user_made_the_guard()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        GuardOptions options = place.Options with { PinPath = place.Options.PinPath + "/appliance" };
        Mount(place.Options.PinPath);
        CreateAsShipped(place.Options.PinPath);
        using (LeaseGuard _ = pair.Host.Run(() => LeaseGuard.Install(options, [HostAndClient.HostLink], [new GuardedService("held", Addresses)])))
        {
            // Installed by root once, for a try.
        }
        Run(CommandIn(Assert.IsType<string>(RefusalOf(pair, options))));
        Assert.Null(RefusalOf(pair, options));
        Assert.True(pair.Host.Run(() => LeaseGuard.Uninstall(options)));
    }

    /// <summary>What the unit's capabilities are as a set of bits (linux/capability.h).</summary>
    private static ulong Expected => 1UL << Capabilities.NetAdmin | 1UL << Capabilities.NetRaw | 1UL << 10 | 1UL << Capabilities.Bpf | 1UL << 14 | 1UL << 23;

    private static GuardHolder Start(HostAndClient pair, GuardOptions options) => new(pair.Host, options, HostAndClient.HostLink, Lease, GuardHolder.Unprivileged, Addresses);

    /// <summary>What the program says; null when it holds the guard.</summary>
    private static string? RefusalOf(HostAndClient pair, GuardOptions options)
    {
        using GuardHolder holder = Start(pair, options);
        return holder.FirstLine == "holding" ? null : holder.FirstLine;
    }

    /// <summary>The command that a sentence tells the operator to run.</summary>
    private static string CommandIn(string sentence)
    {
        Assert.Contains("' as root", sentence, StringComparison.Ordinal);
        return sentence[(sentence.IndexOf("run '", StringComparison.Ordinal) + 5)..sentence.IndexOf("' as root", StringComparison.Ordinal)];
    }

    private static void Run(string command) => TestNamespace.Command("sh", "-ec", command);

    /// <summary>As systemd mounts it: for root alone.</summary>
    private static void Mount(string path)
    {
        Directory.CreateDirectory(path);
        Assert.Equal(0, KernelObjects.MountBpfFileSystem(path));
    }

    /// <summary>packaging/tmpfiles.conf, for another place and another user.</summary>
    private static void CreateAsShipped(string path)
    {
        using var directory = new TemporaryDirectory();
        string shipped = File.ReadAllText(RepositoryRoot.File("packaging/tmpfiles.conf"));
        File.WriteAllText(directory.File("tmpfiles.conf"), shipped.Replace("/sys/fs/bpf", path, StringComparison.Ordinal).Replace("appliance appliance", $"{UnprivilegedUser.Name} nogroup", StringComparison.Ordinal));
        Run($"systemd-tmpfiles --create {directory.File("tmpfiles.conf")}");
    }
}

using System.Diagnostics;
using System.Security.Cryptography;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Established TCP connections of unmodified programs go on when the node that carries them dies (docs/takeover.md).</summary>
[Trait("Demand", "A2"), Trait("Demand", "A8")]
public sealed class Live_connections
{
    // SplitMix64 from seed 0, 64 MiB: docs/operations.md tells how to make it.
    private const string BigPage = "06c76628fe78ebe654e07d83077dfd0fdbba6f86f9004ed3203dd532cbe60e08";

    private static readonly string[] Survive = ["--set", "listener web.survive=connections", "--set", "group.dead-after=500ms", "--set", "group.lease=400ms", "--set", "node.compile-ahead=no"];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [RootFact]
    public void A_download_goes_on_byte_for_byte_when_the_primary_is_killed_in_its_middle()
    {
        using Laboratory lab = Laboratory.Up(3, Survive);
        lab.AwaitConverged(Limit);
        using var processes = new NodeProcesses();
        using var directory = new TemporaryDirectory();
        using var resets = new Capture(lab, "tcp[tcpflags] & tcp-rst != 0");
        LabNode killed = lab.Primary;
        using Process curl = Begin(lab, $"http://{lab.ServiceAddress}:{lab.RelayPort}/big", "-o", directory.File("page"), "--limit-rate", "16M");
        Until.True("a quarter has arrived", Limit, () => File.Exists(directory.File("page")) && new FileInfo(directory.File("page")).Length > 16 << 20);

        processes.Kill(killed);

        Assert.Equal(0, Finish(curl));
        using FileStream received = File.OpenRead(directory.File("page"));
        Assert.Equal(BigPage, Convert.ToHexStringLower(SHA256.HashData(received)));
        Assert.Equal(1, lab.AwaitPrimary(Laboratory.Service, after: killed).Metric("appliance_live_restored_total"));
        Assert.Empty(resets.Packets);
    }

    private static Process Begin(Laboratory lab, params string[] arguments) =>
        Process.Start(new ProcessStartInfo("nsenter", [$"--net=/run/netns/{lab.ClientNamespace}", "curl", "-sS", "--noproxy", "*", .. arguments]) { RedirectStandardError = true })!;

    private static int Finish(Process curl)
    {
        Assert.True(curl.WaitForExit(Limit), "curl has not ended");
        return curl.ExitCode;
    }
}

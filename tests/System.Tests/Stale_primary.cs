using System.Net;
using System.Text.Json;
using Appliance.Configuration;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of failover: a primary that was stopped and goes on after another has taken over is silent from the end of its lease, whatever its kernel would answer.</summary>
[Trait("Demand", "A2"), Trait("Demand", "E8")]
[Collection(Timed.Name)]
public sealed class Stale_primary
{
    private const int Continue = 18, Stop = 19;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Between the guard's look at a packet and the capture's time stamp.</summary>
    private static readonly TimeSpan OnTheWay = TimeSpan.FromMilliseconds(10);

    [RootFact]
    public void Sends_nothing_from_a_floating_address_after_its_lease()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        for (int round = 0; round < TestCounts.Of("system.failover.freezes"); round++)
        {
            string[] late = FreezeAndThawThePrimary(lab);
            Assert.True(late.Length == 0, $"round {round}: {late.Length} packets left after the lease, among them {late.FirstOrDefault()}");
            lab.AwaitConverged(Limit);
            TestCounts.Reached("system.failover.freezes", 1);
        }
    }

    [RootFact]
    public void Without_the_guard_its_kernel_would_go_on_answering()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Calm);
        RemoveGuardOf(lab.Primary);

        string[] late = FreezeAndThawThePrimary(lab);

        Assert.NotEmpty(late);
    }

    /// <summary>Stops the primary, lets another take over while clients still send to the stopped one, lets it go on.</summary>
    /// <returns>Packets from its floating addresses after its lease.</returns>
    private static string[] FreezeAndThawThePrimary(Laboratory lab)
    {
        LabNode stale = lab.Primary;
        ApplianceConfiguration configuration = Place.ConfigurationOf(stale);
        IReadOnlyList<IPAddress> floating = configuration.Services.Single(static service => service.Name == Laboratory.Service).Addresses;
        string card = CardOf(stale);
        // Whatever carries one of the addresses as its sender: IP, ARP, and advertisements of neighbours (fd00::150 ends with 0150).
        using var fromIt = new Capture(lab, $"ether src {card} and ({string.Join(" or ", floating.Select(static address => $"src host {address}"))} or (icmp6 and ip6[40] == 136 and ip6[62:2] == 0x0150))");
        using var toIt = new Capture(lab, $"ether dst {card} and dst port {lab.RespPort}");
        foreach (IPAddress address in floating) Shell.Run("ip", "-n", lab.ClientNamespace, "neighbour", "replace", address.ToString(), "lladdr", card, "dev", "front", "nud", "permanent"); // they do not hear of the next
        try
        {
            using var first = new ServiceProbe(lab, floating[0]);
            using var second = new ServiceProbe(lab, floating[1]);
            Until.True("the capture sees the primary's answers", Limit, () => floating.All(address => fromIt.Packets.Any(packet => packet.Text.Contains($"{address}.", StringComparison.Ordinal))));

            Assert.Equal(0, Interop.Signals.Send(stale.Pid, Stop));
            DateTime leaseEnd;
            try
            {
                Until.True("every thread of it has stopped", Limit, () => Directory.EnumerateDirectories($"/proc/{stale.Pid}/task").All(IsStopped));
                leaseEnd = DateTime.UtcNow + configuration.Group.Lease + OnTheWay;
                lab.AwaitPrimary(Laboratory.Service, after: stale);
                AwaitMore(toIt, 200);
            }
            finally
            {
                Assert.Equal(0, Interop.Signals.Send(stale.Pid, Continue));
            }
            Until.True($"{stale.Id} knows that it is no longer primary", Limit, () => stale.Answers() && !stale.Serves(Laboratory.Service));
            AwaitMore(toIt, 200);
            return [.. fromIt.Packets.Where(packet => packet.At > leaseEnd).Select(packet => $"{(packet.At - leaseEnd).TotalMilliseconds:F1} ms: {packet.Text}")];
        }
        finally
        {
            foreach (IPAddress address in floating) Shell.Try(Limit, "ip", "-n", lab.ClientNamespace, "neighbour", "del", address.ToString(), "dev", "front");
        }
    }

    private static void AwaitMore(Capture capture, int count)
    {
        int goal = capture.Packets.Count + count;
        Until.True("clients still send to it", Limit, () => capture.Packets.Count >= goal);
    }

    // The pin of a TCX link is the attachment; a kernel without TCX has a queueing discipline.
    private static void RemoveGuardOf(LabNode node)
    {
        foreach (string pin in Directory.EnumerateFiles($"/sys/fs/bpf/appliance/{Place.ConfigurationOf(node).Group.Name}_2f{node.Id}", "link-*")) File.Delete(pin);
        Shell.Try(Limit, "nsenter", $"--net=/run/netns/{node.Namespace}", "tc", "qdisc", "del", "dev", "front", "clsact");
    }

    private static string CardOf(LabNode node) => JsonDocument.Parse(Shell.RunIn(node.Namespace, "ip", "-j", "link", "show", "dev", "front")).RootElement[0].GetProperty("address").GetString()!;

    // The state stands behind the name in parentheses, which may hold anything.
    private static bool IsStopped(string task)
    {
        string stat = File.ReadAllText(Path.Combine(task, "stat"));
        return stat[stat.LastIndexOf(')') + 2] == 'T';
    }
}

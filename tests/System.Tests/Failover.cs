using System.Net;
using System.Text.Json;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;
using Xunit.Abstractions;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of failover: another node continues the service at the same addresses, soon, and nothing that was acknowledged is lost.</summary>
[Trait("Demand", "A2"), Trait("Demand", "E6")]
[Collection(Timed.Name)]
public sealed class Failover(ITestOutputHelper output)
{
    private const int Terminate = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), DeadAfter = TimeSpan.FromMilliseconds(100);

    [RootFact]
    public void A_killed_primary_leaves_its_IPv4_and_its_IPv6_address_to_the_next_and_does_not_take_them_back()
    {
        using Laboratory lab = Laboratory.Up();
        using var processes = new NodeProcesses();
        var gaps = new Gaps("killed");
        for (int round = 0; round < TestCounts.Of("system.failover.kills"); round++)
        {
            LabNode killed = lab.Primary;
            IPAddress[] addresses = FloatingOf(killed);
            Assert.Equal(2, addresses.Length);
            Assert.Equal(addresses, OnFront(killed, addresses));
            using var second = new ServiceProbe(lab, addresses[1]);
            gaps.Measure(lab, () =>
            {
                processes.Kill(killed);
                lab.AwaitPrimary(Laboratory.Service, after: killed);
            });
            second.AwaitAnswer(System.Diagnostics.Stopwatch.GetTimestamp());
            LabNode next = lab.Primary;
            Assert.Equal(addresses, OnFront(next, addresses));

            processes.Start(killed);
            lab.AwaitConverged(Limit);
            Assert.Equal("secondary", RoleOf(killed));
            Assert.Empty(OnFront(killed, addresses));
            Assert.Equal(addresses, OnFront(lab.Primary, addresses));
            TestCounts.Reached("system.failover.kills", 1);
        }
        output.WriteLine($"{gaps}");
        Assert.True(gaps.Longest < 10 * DeadAfter, $"{gaps}");
        Assert.Equal(0, gaps.Refused); // the kernel of the killed process has the address until the lease ends
    }

    [RootFact]
    public void Promote_drain_undrain_and_SIGTERM_under_load_lose_no_acknowledged_write_and_refuse_none()
    {
        using Laboratory lab = Laboratory.Up(3, [.. Laboratory.Patient, "--set", "node.compile-ahead=yes"]); // nobody may die of a busy machine: all of this is planned
        var gaps = new Gaps("planned");
        for (int round = 0; round < TestCounts.Of("system.failover.planned"); round++)
        {
            using var writers = new ServiceWriters(lab, $"cart:{round}");
            writers.AwaitMore(200);
            LabNode target = lab.Secondaries[0];
            gaps.Measure(lab, () => lab.Promote(target, Laboratory.Service));
            writers.AwaitMore(200);

            gaps.Measure(lab, () =>
            {
                Shell.Run(Laboratory.Program, "drain", target.Id, "--admin", target.Admin);
                lab.AwaitPrimary(Laboratory.Service, after: target);
            });
            Assert.True(target.Status().GetProperty("drained").GetBoolean());
            writers.AwaitMore(200);
            Shell.Run(Laboratory.Program, "undrain", target.Id, "--admin", target.Admin);

            LabNode ending = lab.Primary;
            gaps.Measure(lab, () =>
            {
                Assert.Equal(0, Interop.Signals.Send(ending.Pid, Terminate));
                lab.AwaitPrimary(Laboratory.Service, after: ending);
            });
            writers.AwaitMore(200);
            Until.True($"{ending.Id} has ended", Limit, () => !ending.Answers());
            lab.Lab("start", ending.Id);
            lab.Refresh(); // its process is another
            lab.AwaitSynchronised(Limit);
            writers.Stop();
            lab.AwaitConverged(Limit);

            Assert.Equal("", string.Join("; ", writers.Refusals.Distinct()));
            foreach (LabNode node in lab.Nodes) writers.AssertHeldBy(node, $"round {round}");
            TestCounts.Reached("system.failover.planned", 1);
        }
        output.WriteLine($"{gaps}");
        Assert.True(gaps.Longest < 10 * DeadAfter, $"{gaps}");
        Assert.Equal(0, gaps.Refused);
    }

    private static string RoleOf(LabNode node) => node.Status().GetProperty("services").EnumerateArray().First(static service => service.GetProperty("name").GetString() == Laboratory.Service).GetProperty("role").GetString()!;

    private static IPAddress[] FloatingOf(LabNode node) => [.. Place.ConfigurationOf(node).Services.Single(static service => service.Name == Laboratory.Service).Addresses];

    private static IPAddress[] OnFront(LabNode node, IPAddress[] addresses)
    {
        string[] here = [.. JsonDocument.Parse(Shell.RunIn(node.Namespace, "ip", "-j", "address", "show", "dev", "front")).RootElement.EnumerateArray()
            .SelectMany(static card => card.GetProperty("addr_info").EnumerateArray()).Select(static address => address.GetProperty("local").GetString()!)];
        return [.. addresses.Where(address => here.Contains(address.ToString()))];
    }
}

using System.Diagnostics;
using System.Net;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;
using Xunit.Abstractions;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of failover: what is planned costs clients next to nothing (docs/operations.md, upgrading node by node).</summary>
[Trait("Demand", "A2"), Trait("Demand", "E6")]
[Collection(Timed.Name)]
public sealed class Rolling_restart(ITestOutputHelper output)
{
    private const int Terminate = 15;

    // A node that has just started compiles what a takeover runs, if it does not do so ahead: that is no part of what is measured here.
    private static readonly string[] Prompt = [.. Laboratory.Patient, "--set", "node.compile-ahead=yes"];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    // What is promised holds on a calm machine; beside other work only that nobody waited for a death (dead-after).
    private static readonly TimeSpan LongestGap = TimeSpan.FromMilliseconds(TestCounts.IsSoak ? 30 : 3000);

    [RootFact]
    public void Every_node_is_drained_and_restarted_under_load_and_no_acknowledged_write_is_lost()
    {
        using Laboratory lab = Laboratory.Up(3, Prompt); // nobody may die of a busy machine: all of this is planned
        var gaps = new Gaps("rolling restart");
        using var writers = new ServiceWriters(lab, "cart:rolling");
        foreach (string id in lab.Secondaries.Append(lab.Primary).Select(static node => node.Id).ToArray())
        {
            writers.AwaitMore(200);
            LabNode node = lab.Nodes.Single(node => node.Id == id);
            gaps.Measure(lab, () =>
            {
                Shell.Run(Laboratory.Program, "drain", id, "--admin", node.Admin);
                foreach (string service in new[] { Laboratory.Service, Laboratory.SecondService }) lab.AwaitPrimary(service, after: node);
            });
            Assert.Equal(0, Interop.Signals.Send(node.Pid, Terminate));
            Until.True($"{id} has ended", Limit, () => lab.Refresh().GetProperty("nodes").EnumerateArray().Single(one => one.GetProperty("id").GetString() == id).GetProperty("state").GetString() == "down");
            lab.Lab("start", id);
            lab.Refresh(); // its process is another
            lab.AwaitSynchronised(Limit);
        }
        writers.AwaitMore(200);
        writers.Stop();
        lab.AwaitConverged(Limit);
        output.WriteLine($"{gaps}, {writers.Acknowledged.Count} writes acknowledged");
        Assert.Equal("", string.Join("; ", writers.Refusals.Distinct()));
        foreach (LabNode node in lab.Nodes) writers.AssertHeldBy(node, "after the last restart");
        Assert.Equal(0, gaps.Refused);
        Assert.True(gaps.Longest < LongestGap, $"{gaps}");
    }

    [RootFact]
    public void A_thousand_connects_each_second_to_each_address_across_promotions_and_none_is_refused()
    {
        using Laboratory lab = Laboratory.Up(3, Prompt);
        IPAddress[] addresses = [.. Place.ConfigurationOf(lab.Primary).Services.Single(static service => service.Name == Laboratory.Service).Addresses];
        ServiceProbe[] probes = [.. addresses.Select(address => new ServiceProbe(lab, address))];
        try
        {
            for (int round = 0; round < 3; round++)
            {
                long start = Stopwatch.GetTimestamp();
                lab.Promote(lab.Secondaries[0], Laboratory.Service);
                foreach (ServiceProbe probe in probes) probe.AwaitAnswer(Stopwatch.GetTimestamp());
                string gaps = string.Join(", ", probes.Select(probe => $"{probe.LongestGap(start).TotalMilliseconds:F1}"));
                output.WriteLine($"round {round}: longest times without an answer (IPv4, IPv6): {gaps} ms");
                Assert.All(probes, probe => Assert.True(probe.LongestGap(start) < LongestGap, gaps));
            }
        }
        finally
        {
            foreach (ServiceProbe probe in probes) probe.Dispose();
        }
        Assert.All(probes, static probe => Assert.Equal(0, probe.Refused));
    }
}

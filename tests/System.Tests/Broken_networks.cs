using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;
using Xunit.Abstractions;

namespace Appliance.Tests.Systems;

/// <summary>Must hold of failover: whatever breaks around the primary, both services go on elsewhere, every acknowledged purchase is there, no connect is refused, and the node comes back as a secondary by itself.</summary>
[Trait("Demand", "A2"), Trait("Demand", "E6")]
[Collection(Timed.Name)]
public sealed class Broken_networks(ITestOutputHelper output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30), DeadAfter = TimeSpan.FromMilliseconds(100);

    [RootTheory]
    [InlineData("pull")]
    [InlineData("pull sync")]
    [InlineData("pull front")]
    [InlineData("port-down sync")]
    [InlineData("one-way")]
    public void Everything_moves_nothing_is_refused_or_lost_and_the_node_returns_as_a_secondary(string fault)
    {
        using Laboratory lab = Laboratory.Up();
        var gaps = new Gaps(fault);
        for (int round = 0; round < TestCounts.Of("system.failover.faults"); round++)
        {
            LabNode broken = lab.Primary;
            using var writers = new ServiceWriters(lab, $"cart:{round}");
            writers.AwaitMore(100);
            gaps.Measure(lab, () =>
            {
                Break(lab, broken, fault);
                lab.AwaitPrimary(Laboratory.Service, after: broken);
                lab.AwaitPrimary(Laboratory.SecondService, after: broken);
            });
            writers.AwaitMore(100);
            lab.Lab("heal");
            lab.AwaitSynchronised(Limit);
            writers.Stop();
            lab.AwaitConverged(Limit);
            Assert.False(broken.Serves(Laboratory.Service));
            foreach (LabNode node in lab.Nodes) writers.AssertHeldBy(node, $"{fault}, round {round}");
            TestCounts.Reached("system.failover.faults", 1);
        }
        output.WriteLine($"{gaps}");
        Assert.Equal(0, gaps.Refused);
        Assert.True(gaps.Longest < 20 * DeadAfter, $"{gaps}");
    }

    private static void Break(Laboratory lab, LabNode node, string fault)
    {
        string[] others = [.. lab.Nodes.Where(other => other != node).Select(static other => other.Id)];
        string[] words = fault.Split(' ');
        if (fault == "one-way") lab.Lab("partition", $"{node.Id}/{string.Join(',', others)}", "--one-way"); // the others hear nothing of it; it hears them
        else lab.Lab([words[0], node.Id, .. words[1..]]);
    }
}

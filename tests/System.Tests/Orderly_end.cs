using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>SIGTERM: a node that is told to end says goodbye; nobody has to find out that it is gone.</summary>
public sealed class Orderly_end
{
    [RootFact, Trait("Demand", "A14")]
    public void A_primary_told_to_end_under_load_leaves_every_acknowledged_write_with_every_survivor_and_is_never_suspected()
    {
        // Long enough that no busy machine makes a member suspect another: whoever is gone before that has said so.
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode ending = lab.Primary;
        List<LabNode> survivors = [.. lab.Secondaries];
        lab.Lab("kill", ending.Id);
        using NodeProcess primary = NodeProcess.StartInPlace(ending); // by the test itself, which sees how it ends
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        lab.Promote(ending, Laboratory.Service);
        double suspicions = survivors.Sum(Suspicions);
        using var writers = new AcknowledgedWriters(lab, ending, "cart:1");
        Until.True("writes are acknowledged", TimeSpan.FromSeconds(20), () => writers.Acknowledged.Count > 3000);

        primary.AskToEnd();

        Assert.Equal(0, primary.AwaitEnd(TimeSpan.FromSeconds(20)));
        writers.Join();
        lab.AwaitPrimary(Laboratory.Service, after: ending);
        foreach (LabNode node in survivors)
        {
            Until.True($"{node.Id} saw the primary leave", TimeSpan.FromSeconds(5), () => node.Member(primary.Node.Id).GetProperty("state").GetString() == "absent");
            Assert.Contains($"member {primary.Node.Id} left", lab.LogOf(node));
            int present = AcknowledgedWriters.Present(lab, node, writers.Acknowledged).Count;
            Assert.True(present == writers.Acknowledged.Count, $"{node.Id} holds {present} of {writers.Acknowledged.Count} acknowledged writes");
        }
        Assert.Equal(suspicions, survivors.Sum(Suspicions));
        Assert.EndsWith("ended\n", primary.Log);
    }

    private static double Suspicions(LabNode node) => node.Metric("appliance_multicast_suspicions_total");
}

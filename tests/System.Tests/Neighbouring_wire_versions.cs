using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 9: a build that speaks one wire version more works in a group of this version (P-32); a group is upgraded node by node.</summary>
public sealed class Neighbouring_wire_versions
{
    [RootFact]
    public void A_newer_secondary_joins_mirrors_and_leaves_while_writes_go_on_and_nothing_is_lost()
    {
        string program = NextWireVersion.Program;
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode node = lab.Secondaries[^1];
        using var before = new SteadyWriter(lab.Connect(lab.Primary), "k:");
        lab.Lab("kill", node.Id);

        using NodeProcess newer = NodeProcess.StartInPlace(node, program);
        lab.AwaitSynchronised(TimeSpan.FromSeconds(20));
        before.AwaitMore(3000, "with a newer secondary");
        AwaitNewerIsHeard(lab.Primary);
        before.Stop();
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        AssertHeld(lab, before);

        using var during = new SteadyWriter(lab.Connect(lab.Primary), "l:");
        during.AwaitMore(1000, "before the newer secondary leaves");
        newer.AskToEnd();
        Assert.Equal(0, newer.AwaitEnd(TimeSpan.FromSeconds(20)));
        during.AwaitMore(1000, "after the newer secondary left");
        lab.Lab("start", node.Id);
        lab.AwaitSynchronised(TimeSpan.FromSeconds(20));
        during.Stop();
        lab.AwaitConverged(TimeSpan.FromSeconds(20));
        AssertHeld(lab, before);
        AssertHeld(lab, during);
    }

    [RootFact]
    public void A_newer_primary_recovers_from_older_secondaries_mirrors_to_them_and_leaves_everything_with_them()
    {
        string program = NextWireVersion.Program;
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        using (var older = new SteadyWriter(lab.Connect(lab.Primary), "k:"))
        {
            older.AwaitMore(3000, "on the older primary");
            older.Stop();
            lab.AwaitConverged(TimeSpan.FromSeconds(20));
            LabNode upgraded = lab.Primary;
            lab.Lab("kill", upgraded.Id);

            using NodeProcess newer = NodeProcess.StartInPlace(upgraded, program);
            lab.AwaitConverged(TimeSpan.FromSeconds(30));
            AssertHeld(lab, older);
            lab.Promote(upgraded, Laboratory.Service);
            using var writers = new AcknowledgedWriters(lab, upgraded, "cart:1");
            Until.True("writes are acknowledged", TimeSpan.FromSeconds(20), () => writers.Acknowledged.Count > 3000);
            foreach (LabNode node in lab.Secondaries) AwaitNewerIsHeard(node);
            newer.AskToEnd();
            Assert.Equal(0, newer.AwaitEnd(TimeSpan.FromSeconds(20)));
            writers.Join();
            lab.AwaitPrimary(Laboratory.Service, after: upgraded);
            lab.Lab("start", upgraded.Id);
            lab.AwaitConverged(TimeSpan.FromSeconds(30));

            AssertHeld(lab, older);
            foreach (LabNode node in lab.Nodes) Assert.Equal(writers.Acknowledged.Count, AcknowledgedWriters.Present(lab, node, writers.Acknowledged).Count);
        }
    }

    // What only the next version sends and this one may ignore (P-04): the newer build is really one.
    private static void AwaitNewerIsHeard(LabNode node) =>
        Until.True($"{node.Id} hears the newer wire version", TimeSpan.FromSeconds(10), () => node.Metric("appliance_multicast_unknown_ignored_total") > 0);

    private static void AssertHeld(Laboratory lab, SteadyWriter writer)
    {
        foreach (LabNode node in lab.Nodes)
        {
            using RespClient reader = lab.Connect(node);
            writer.AssertHeldBy(reader, node.Id);
        }
    }
}

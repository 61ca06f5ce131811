using System.Diagnostics;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 4: a write that was acknowledged survives its primary; one that was lost stays lost.</summary>
[Trait("Demand", "A14")]
[Collection(Timed.Name)]
public sealed class Acknowledged_writes
{
    [RootFact]
    public void Killing_the_primary_at_any_moment_loses_no_acknowledged_write_and_revives_no_lost_one()
    {
        int rounds = TestCounts.Of("system.acknowledged.kills");
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using Laboratory lab = Laboratory.Up();
        using var processes = new NodeProcesses();
        long acknowledgedInAll = 0;
        double writingSeconds = 0;

        for (int round = 0; round < rounds; round++)
        {
            string when = $"seed {seed}, round {round}";
            LabNode killed = lab.Primary;
            long start = Stopwatch.GetTimestamp();
            using var writers = new AcknowledgedWriters(lab, killed, $"cart:{round}");
            TimeSpan moment = TimeSpan.FromMilliseconds(200 + random.Next(300));
            SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(start) >= moment);
            processes.Kill(killed);
            writers.Join();
            writingSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            acknowledgedInAll += writers.Acknowledged.Count;

            // What the survivors hold together while, or before, one of them takes over, and what the next primary shows: absent there is absent for good.
            HashSet<string> held = [.. lab.Nodes.Where(node => node.Id != killed.Id).SelectMany(node => AcknowledgedWriters.Present(lab, node, writers.Asked))];
            AssertHeld(writers.Acknowledged, held, $"{when}: the survivors");
            LabNode primary = lab.AwaitPrimary(Laboratory.Service, after: killed);
            HashSet<string> shown = [.. AcknowledgedWriters.Present(lab, primary, writers.Asked)];
            AssertHeld(writers.Acknowledged, shown, $"{when}: {primary.Id}, the next primary,");
            List<string> seenAbsent = [.. writers.Asked.Where(key => !held.Contains(key) || !shown.Contains(key))];

            processes.Start(killed);
            lab.AwaitConverged(TimeSpan.FromSeconds(20));

            Assert.False(killed.Serves(Laboratory.Service), $"{when}: {killed.Id} took the service back");
            foreach (LabNode node in lab.Nodes)
            {
                List<string> revived = AcknowledgedWriters.Present(lab, node, seenAbsent);
                Assert.True(revived.Count == 0, $"{when}: {node.Id} shows {revived.FirstOrDefault()}, which had been absent");
                AssertHeld(writers.Acknowledged, [.. AcknowledgedWriters.Present(lab, node, writers.Acknowledged)], $"{when}: {node.Id}, after the return of {killed.Id},");
            }
            AcknowledgedWriters.Delete(lab, lab.Primary, writers.Acknowledged); // what a later round must recover does not grow
            TestCounts.Reached("system.acknowledged.kills", 1);
        }

        Assert.True(acknowledgedInAll / writingSeconds >= 1000, $"only {acknowledgedInAll / writingSeconds:F0} acknowledged writes per second were in flight");
    }

    private static void AssertHeld(IReadOnlyCollection<string> acknowledged, HashSet<string> held, string who)
    {
        string[] lost = [.. acknowledged.Where(key => !held.Contains(key))];
        Assert.True(lost.Length == 0, $"{who} lack {lost.Length} of {acknowledged.Count} acknowledged writes, among them {lost.FirstOrDefault()}");
    }
}

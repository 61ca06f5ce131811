using System.Diagnostics;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;
using Appliance.Tests.Systems.Harness;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 4: a write that was acknowledged survives its primary; one that was lost stays lost.</summary>
[Trait("Demand", "A14")]
public sealed class Acknowledged_writes
{
    [RootFact]
    public void Killing_the_primary_at_any_moment_loses_no_acknowledged_write_and_revives_no_lost_one()
    {
        int rounds = TestCounts.Of("system.acknowledged.kills");
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using Laboratory lab = Laboratory.Up();
        LabNode primary = lab.Primary;
        List<LabNode> survivors = [.. lab.Secondaries];
        long acknowledgedInAll = 0;
        double writingSeconds = 0;
        // The test starts and kills the primary itself: 'lab kill' and 'lab start' would take longer than the rest of a round.
        lab.Lab("kill", primary.Id);
        NodeProcess process = NodeProcess.StartInPlace(primary);
        try
        {
            lab.AwaitConverged(TimeSpan.FromSeconds(20));

            for (int round = 0; round < rounds; round++)
            {
                long start = Stopwatch.GetTimestamp();
                using var writers = new AcknowledgedWriters(lab, primary, $"cart:{round}");
                TimeSpan moment = TimeSpan.FromMilliseconds(200 + random.Next(300));
                SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(start) >= moment);
                process.Dispose();
                writers.Join();
                writingSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
                acknowledgedInAll += writers.Acknowledged.Count;

                HashSet<string> held = [.. survivors.SelectMany(node => AcknowledgedWriters.Present(lab, node, writers.Asked))];
                string[] lost = [.. writers.Acknowledged.Where(key => !held.Contains(key))];
                Assert.True(lost.Length == 0, $"seed {seed}, round {round}: {lost.Length} of {writers.Acknowledged.Count} acknowledged writes are on no survivor, among them {lost.FirstOrDefault()}");
                List<string> seenAbsent = [.. writers.Asked.Where(key => !held.Contains(key))];

                process = NodeProcess.StartInPlace(primary);
                lab.AwaitConverged(TimeSpan.FromSeconds(20));

                foreach (LabNode node in lab.Nodes)
                {
                    List<string> revived = AcknowledgedWriters.Present(lab, node, seenAbsent);
                    Assert.True(revived.Count == 0, $"seed {seed}, round {round}: {node.Id} shows {revived.FirstOrDefault()}, which had been absent from all survivors");
                    int present = AcknowledgedWriters.Present(lab, node, writers.Acknowledged).Count;
                    Assert.True(present == writers.Acknowledged.Count, $"seed {seed}, round {round}: {node.Id} holds {present} of {writers.Acknowledged.Count} acknowledged writes after the recovery");
                }
                AcknowledgedWriters.Delete(lab, primary, writers.Acknowledged); // what a later round must recover does not grow
                TestCounts.Reached("system.acknowledged.kills", 1);
            }
        }
        finally
        {
            process.Dispose();
        }

        Assert.True(acknowledgedInAll / writingSeconds >= 1000, $"only {acknowledgedInAll / writingSeconds:F0} acknowledged writes per second were in flight");
    }
}

using System.Globalization;

namespace Appliance.Tests.Simulation;

/// <summary>A simulation that no longer loses, repairs or ejects proves nothing: each total per hundred seeds has a least value.</summary>
internal static class SimulationMinimums
{
    private static readonly (string Total, double PerHundredSeeds)[] Least =
    [
        ("Publishes", 100 * SimulationPlan.LeastPublishes),
        ("VirtualSeconds", 100 * 30),
        ("Refusals", 50),
        ("Snapshots", 200),
        ("Gap.JoinedLate", 200),
        ("Gap.Ejected", 5),
        ("Gap.Gone", 2),
        ("Network.Lost", 20_000),
        ("Network.Cut", 20_000),
        ("Network.Duplicated", 10_000),
        ("Network.Detoured", 20_000),
        ("Network.Corrupted", 500),
        ("Network.Overflowed", 1_000),
        ("Engine.GapReportsSent", 2_000),
        ("Engine.RepairsSent", 5_000),
        ("Engine.RepairsForOthersSent", 1_000),
        ("Engine.RepairRequestsCrossed", 200),
        ("Engine.RepairRequestsMerged", 50),
        ("Engine.ReportsSuppressed", 200),
        ("Engine.RepairsForOthersSuppressed", 1_000),
        ("Engine.UnicastCopiesSent", 500),
        ("Engine.PathChanges", 100),
        ("Engine.Ejections", 5),
        ("Engine.Suspicions", 200),
        ("Engine.Departures", 50),
        ("Engine.GoneSent", 1),
        ("Engine.LateTicks", 30),
    ];

    private const int FewestSeeds = 100;

    /// <summary>Fails when a total is below its least value. A handful of seeds may lack what is rare.</summary>
    internal static void Assert(SimulationTotals totals)
    {
        if (totals.Seeds < FewestSeeds) return;
        List<string> missing = [];
        foreach ((string name, double least) in Least)
        {
            double needed = least * totals.Seeds / 100;
            if (totals[name] < needed) missing.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: {totals[name]}, at least {needed} expected in {totals.Seeds} seeds"));
        }
        Xunit.Assert.True(missing.Count == 0, string.Join('\n', missing));
    }
}

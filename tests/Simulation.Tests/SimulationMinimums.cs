using System.Globalization;

namespace Appliance.Tests.Simulation;

/// <summary>A simulation that no longer loses, repairs or ejects proves nothing: each total per hundred seeds has a least value.</summary>
internal static class SimulationMinimums
{
    private static readonly (string Total, double PerHundredSeeds)[] Least =
    [
        ("Publishes", 100 * SimulationPlan.LeastPublishes),
        ("VirtualSeconds", 100 * 30),
        ("Snapshots", 100),
    ];

    /// <summary>Fails when a total is below its least value.</summary>
    internal static void Assert(SimulationTotals totals)
    {
        List<string> missing = [];
        foreach ((string name, double least) in Least)
        {
            double needed = least * totals.Seeds / 100;
            if (totals[name] < needed) missing.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: {totals[name]}, at least {needed} expected in {totals.Seeds} seeds"));
        }
        Xunit.Assert.True(missing.Count == 0, string.Join('\n', missing));
    }
}

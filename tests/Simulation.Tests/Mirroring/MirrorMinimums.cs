using System.Globalization;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Runs in which nothing was cut, fetched or forgotten prove nothing: each total per hundred seeds has a least value.</summary>
internal static class MirrorMinimums
{
    private const int FewestSeeds = 100;

    private static readonly (string Total, double PerHundredSeeds)[] Least =
    [
        ("Mirror.FullSnapshots", 100),
    ];

    /// <summary>Fails when a total is below its least value. A handful of seeds may lack what is rare.</summary>
    internal static void Assert(SimulationTotals group, MirrorTotals mirrors)
    {
        if (group.Seeds < FewestSeeds) return;
        List<string> missing = [];
        foreach ((string name, double least) in Least)
        {
            double needed = least * group.Seeds / 100;
            if (mirrors[name] < needed) missing.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: {mirrors[name]}, at least {needed} expected in {group.Seeds} seeds"));
        }
        Xunit.Assert.True(missing.Count == 0, string.Join('\n', missing));
    }
}

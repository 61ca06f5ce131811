namespace Appliance.Tests.Simulation.Elections;

/// <summary>A simulation in which nobody is elected, hands over or loses anything proves nothing: totals per hundred seeds have a least value.</summary>
internal static class ElectionMinimums
{
    private const int FewestSeeds = 100;

    /// <summary>Fails when a total is below its least value, about a third of what is usual.</summary>
    internal static void Assert(ElectionTotals totals)
    {
        if (totals.Seeds < FewestSeeds) return;
        (string Name, long Total, long PerHundredSeeds)[] least =
        [
            ("elected", totals.Elected, 300), ("by hand-over", totals.HandOvers, 20), ("cold starts", totals.ColdStarts, 80), ("leases expired", totals.Expired, 80), ("with loss", totals.WithLoss, 4),
            ("writes acknowledged", totals.Acknowledged, 30_000), ("writes cut", totals.CutWrites, 800), ("sets committed", totals.SetCommits, 300), ("sets reduced", totals.ReducedSets, 50),
            ("views committed", totals.ViewCommits, 80), ("faults", totals.Faults, 200), ("lives", totals.Lives, 300),
        ];
        foreach ((string name, long total, long perHundredSeeds) in least)
            Xunit.Assert.True(total * 100 >= perHundredSeeds * totals.Seeds, $"{name}: {total} in {totals.Seeds} seeds, at least {perHundredSeeds} in a hundred expected");
    }
}

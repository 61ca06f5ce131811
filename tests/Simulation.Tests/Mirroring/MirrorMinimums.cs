using System.Globalization;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Runs in which nothing was cut, fetched or forgotten prove nothing: each total per hundred seeds has a least value.</summary>
internal static class MirrorMinimums
{
    private const int FewestSeeds = 100;

    private static readonly (string Total, double PerHundredSeeds)[] Least =
    [
        ("Acknowledged", 20_000),
        ("OutcomeUnknown", 200),
        ("LostAndReported", 20),
        ("Expired", 1_500),
        ("HiddenAsExpired", 200),
        ("AcceptedShort", 10),
        ("BrokenChannels", 2),
        ("TombstonesCollected", 20_000),
        ("SafeRecoveries", 40),
        ("TablesCompared", 10_000),
        ("Refused.Recovering", 2_000),
        ("Refused.TooFewMembers", 600),
        ("Said.NotSynchronised", 80),
        ("Said.Lost", 5),
        ("Mirror.UnknownTerm", 10),
        ("Mirror.Holes", 2),
        ("Mirror.StreamGaps", 150),
        ("Mirror.FullSnapshots", 250),
        ("Mirror.DeltaSnapshots", 20),
        ("Mirror.BrokenSnapshots", 2),
        ("Mirror.Replaced", 10),
        ("Mirror.Discarded", 100),
        ("Mirror.KeysFetchedAgain", 40),
        ("Mirror.UnsafeRecoveries", 5),
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

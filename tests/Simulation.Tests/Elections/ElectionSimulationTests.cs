using System.Globalization;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>Elections of whole groups under virtual time (ARCHITECTURE 6 and 10; issue 3, Must hold 1).</summary>
public sealed class ElectionSimulationTests
{
    private readonly ITestOutputHelper _output;

    public ElectionSimulationTests(ITestOutputHelper output) => _output = output;

    /// <summary>Runs <c>elections.seeds</c> seeds, or only the one in the environment variable SEED.</summary>
    [Fact]
    [Trait("Demand", "A2")]
    [Trait("Demand", "A16")]
    [Trait("Demand", "E6")]
    public void Every_seed_keeps_the_invariants()
    {
        string? only = Environment.GetEnvironmentVariable("SEED");
        if (!string.IsNullOrEmpty(only))
        {
            _output.WriteLine(ElectionWorld.Run(ulong.Parse(only, CultureInfo.InvariantCulture)).ToString());
            return;
        }
        int seeds = TestCounts.Of("elections.seeds");
        ElectionTotals totals = new();
        Lock merging = new();
        List<ElectionFailure> failures = [];
        Parallel.For(0, seeds, SimulationRunner.OneForEachProcessor, (i, loop) =>
        {
            try
            {
                ElectionTotals one = ElectionWorld.Run((ulong)i + 1);
                lock (merging) totals.Add(one);
            }
            catch (ElectionFailure failure)
            {
                lock (merging) failures.Add(failure);
                loop.Break();
            }
        });
        _output.WriteLine(totals.ToString());
        Assert.True(failures.Count == 0, failures.Count == 0 ? "" : failures.MinBy(static failure => failure.Seed)!.Message);
        ElectionMinimums.Assert(totals);
        TestCounts.Reached("elections.seeds", totals.Seeds);
    }
}

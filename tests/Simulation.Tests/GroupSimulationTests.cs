using System.Globalization;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation;

/// <summary>Whole groups under virtual time (ARCHITECTURE 10; issue 2, Must hold 7).</summary>
public sealed class GroupSimulationTests
{
    private const ulong FirstSeed = 1;
    private readonly ITestOutputHelper _output;

    public GroupSimulationTests(ITestOutputHelper output) => _output = output;

    /// <summary>Runs <c>simulation.seeds</c> seeds, or only the one in the environment variable SEED.</summary>
    [Fact]
    [Trait("Demand", "A12")]
    [Trait("Demand", "A13")]
    [Trait("Demand", "A14")]
    public void Every_seed_keeps_the_invariants()
    {
        string? only = Environment.GetEnvironmentVariable("SEED");
        if (!string.IsNullOrEmpty(only))
        {
            _output.WriteLine(GroupSimulation.Run(ulong.Parse(only, CultureInfo.InvariantCulture)).ToString());
            return;
        }
        int seeds = TestCounts.Of("simulation.seeds");
        (SimulationTotals totals, IReadOnlyList<SimulationFailure> failures) = SimulationRunner.Run(FirstSeed, seeds);
        _output.WriteLine(totals.ToString());
        foreach (SimulationFailure failure in failures) _output.WriteLine(failure.Message);
        Assert.True(failures.Count == 0, failures.Count == 0 ? "" : failures[0].Message);
        SimulationMinimums.Assert(totals);
        Assert.True(totals.Publishes / totals.Seeds >= TestCounts.Of("simulation.publishes"), $"{totals.Publishes} publishes in {totals.Seeds} seeds");
        Assert.True(totals.VirtualTime / 1_000_000_000 / totals.Seeds >= TestCounts.Of("simulation.virtual-seconds"), $"{totals.VirtualTime} virtual nanoseconds in {totals.Seeds} seeds");
        TestCounts.Reached("simulation.seeds", totals.Seeds);
        TestCounts.Reached("simulation.publishes", totals.Publishes / totals.Seeds);
        TestCounts.Reached("simulation.virtual-seconds", totals.VirtualTime / 1_000_000_000 / totals.Seeds);
    }

    /// <summary>
    /// Seeds that failed once, in order: a snapshot from a newer life, repairs by multicast to whom multicast does not reach, a replayed SETUP after a goodbye.
    /// They are large because they are older than the mixing of seeds, which has an inverse: these are the same runs. The others failed by what this observer
    /// asked too much: of a member cut off before it knew the stream of who left, of a leaver itself, of messages that died with their sender, of a sender before the first report.
    /// </summary>
    [Theory]
    [InlineData(3185437060103606113)]
    [InlineData(6842770971904311717)]
    [InlineData(7821514657394937092)]
    [InlineData(4222)]
    [InlineData(6677)]
    [InlineData(15658)]
    [InlineData(11870)]
    [InlineData(14550)]
    public void A_seed_that_failed_once_passes(ulong seed) => Assert.Equal(1, GroupSimulation.Run(seed).Seeds);

    [Fact]
    public void The_same_seed_makes_the_same_run()
    {
        string first = GroupSimulation.Run(7).ToString();
        string second = GroupSimulation.Run(7).ToString();
        Assert.Equal(first, second);
    }
}

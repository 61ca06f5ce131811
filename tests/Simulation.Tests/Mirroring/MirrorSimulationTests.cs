using System.Globalization;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>Whole groups with their state under virtual time (ARCHITECTURE 3, 4, 10; issue 2, Must hold 7).</summary>
public sealed class MirrorSimulationTests
{
    private const int MostFailures = 5;
    private readonly ITestOutputHelper _output;

    public MirrorSimulationTests(ITestOutputHelper output) => _output = output;

    /// <summary>Runs <c>simulation.mirror-seeds</c> seeds, or only the one in the environment variable SEED.</summary>
    [Fact]
    [Trait("Demand", "A5")]
    [Trait("Demand", "A9")]
    [Trait("Demand", "A12")]
    [Trait("Demand", "A14")]
    public void Every_seed_keeps_the_invariants()
    {
        string? only = Environment.GetEnvironmentVariable("SEED");
        if (!string.IsNullOrEmpty(only))
        {
            MirrorRun run = MirrorSimulation.Run(ulong.Parse(only, CultureInfo.InvariantCulture));
            _output.WriteLine($"{run.Group}{run.Mirrors}");
            return;
        }
        SimulationTotals group = new();
        MirrorTotals mirrors = new();
        IReadOnlyList<SimulationFailure> failures = RunAll(TestCounts.Of("simulation.mirror-seeds"), group, mirrors);
        _output.WriteLine($"{group}{mirrors}");
        foreach (SimulationFailure failure in failures) _output.WriteLine(failure.Message);
        Assert.True(failures.Count == 0, failures.Count == 0 ? "" : failures[0].Message);
        MirrorMinimums.Assert(group, mirrors);
        TestCounts.Reached("simulation.mirror-seeds", group.Seeds);
    }

    /// <summary>Seeds with which faults of the product were found: publishing after a goodbye, deletions beyond a cut that stayed, ghosts of a broken recovery, writers that nobody told of room, a cold start that kept the ends of terms, an answer of a member that was gone when it counted, writes after a hole that stayed, a member that died during a pause of the primary and counted for as long again.</summary>
    [Theory]
    [InlineData(36)]
    [InlineData(84)]
    [InlineData(97)]
    [InlineData(286)]
    [InlineData(383)]
    [InlineData(1383)]
    [InlineData(5389)]
    [InlineData(5677)]
    [InlineData(6097)]
    [InlineData(8073)]
    [InlineData(8311)]
    public void A_seed_that_failed_once_passes(ulong seed) => Assert.Equal(1, MirrorSimulation.Run(seed).Group.Seeds);

    /// <summary>Seeds with which the oracle was wrong: a forgotten deletion that a snapshot brings again is nothing that a reader sees.</summary>
    [Theory]
    [InlineData(2285)]
    public void A_seed_that_was_blamed_wrongly_passes(ulong seed) => Assert.Equal(1, MirrorSimulation.Run(seed).Group.Seeds);

    [Fact]
    public void The_same_seed_makes_the_same_run()
    {
        MirrorRun first = MirrorSimulation.Run(7), second = MirrorSimulation.Run(7);
        Assert.Equal($"{first.Group}{first.Mirrors}", $"{second.Group}{second.Mirrors}");
    }

    private static List<SimulationFailure> RunAll(int seeds, SimulationTotals group, MirrorTotals mirrors)
    {
        List<SimulationFailure> failures = [];
        Lock merging = new();
        Parallel.For(1, seeds + 1, SimulationRunner.OneForEachProcessor, (seed, loop) =>
        {
            try
            {
                MirrorRun run = MirrorSimulation.Run((ulong)seed);
                lock (merging)
                {
                    group.Add(run.Group);
                    mirrors.Add(run.Mirrors);
                }
            }
            catch (SimulationFailure failure)
            {
                lock (merging)
                {
                    failures.Add(failure);
                    if (failures.Count >= MostFailures) loop.Break();
                }
            }
        });
        failures.Sort(static (left, right) => left.Seed.CompareTo(right.Seed));
        return failures;
    }
}

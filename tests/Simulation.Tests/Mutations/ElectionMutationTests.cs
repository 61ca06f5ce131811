using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The simulation of elections finds bugs: every mutant of the real election code fails within a bounded number of seeds (issue 3, Must hold 1).</summary>
public sealed class ElectionMutationTests : IClassFixture<ElectionMutationTests.Compiler>
{
    private readonly Compiler _compiler;
    private readonly ITestOutputHelper _output;

    public ElectionMutationTests(Compiler compiler, ITestOutputHelper output) => (_compiler, _output) = (compiler, output);

    /// <summary>The names of all mutations.</summary>
    public static TheoryData<string> All => [.. ElectionMutations.All.Select(mutation => mutation.Name)];

    [Fact]
    public void There_are_at_least_fifteen_mutations_of_the_elections() => Assert.True(ElectionMutations.All.Count >= 15);

    [Fact]
    public void The_original_passes_every_seed_that_mutants_run()
    {
        (ulong seed, string? failure) = MutantRunner.FirstFailure(_compiler.Instance, null, TestCounts.Of("elections.mutation-seeds"));
        Assert.True(failure is null, $"seed {seed}: {failure}");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        int seeds = TestCounts.Of("elections.mutation-seeds");
        Mutation mutation = ElectionMutations.All.Single(mutation => mutation.Name == name);
        (ulong seed, string? failure) = MutantRunner.FirstFailure(_compiler.Instance, mutation, seeds);
        Assert.True(failure is not null, $"'{mutation.Name}' passes {seeds} seeds: nothing depends on that rule, or no invariant watches it");
        _output.WriteLine($"seed {seed}: {failure}");
        TestCounts.Reached("elections.mutation-seeds (mutants caught within them)", 1);
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new(MutationTarget.Elections);
    }
}

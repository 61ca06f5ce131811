using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The simulation finds bugs: every mutant of the real sources fails within a bounded number of seeds, and the original passes them all.</summary>
public sealed class MutationTests : IClassFixture<MutationTests.Compiler>
{
    private readonly Compiler _compiler;
    private readonly ITestOutputHelper _output;

    public MutationTests(Compiler compiler, ITestOutputHelper output) => (_compiler, _output) = (compiler, output);

    /// <summary>The names of all mutations.</summary>
    public static TheoryData<string> All => [.. EngineMutations.All.Select(mutation => mutation.Name)];

    [Fact]
    public void There_are_at_least_twenty_mutations_of_the_engine() => Assert.True(EngineMutations.All.Count >= 20);

    [Fact]
    public void The_original_passes_every_seed_that_mutants_run()
    {
        (ulong seed, string? failure) = MutantRunner.FirstFailure(_compiler.Instance, null);
        Assert.True(failure is null, $"seed {seed}: {failure}");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        Mutation mutation = EngineMutations.All.Single(mutation => mutation.Name == name);
        (ulong seed, string? failure) = MutantRunner.FirstFailure(_compiler.Instance, mutation);
        Assert.True(failure is not null, $"'{mutation.Name}' passes {MutantRunner.Seeds} seeds: nothing depends on that rule, or no invariant watches it");
        _output.WriteLine($"seed {seed}: {failure}");
        TestCounts.Reached("mutation.seeds (mutants caught within them)", 1);
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new(MutationTarget.Engine);
    }
}

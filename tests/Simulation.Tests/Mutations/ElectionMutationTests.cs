using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The simulation of elections, against mutants of the election code (issue 3, Must hold 1).</summary>
public sealed class ElectionMutationTests(ElectionMutationTests.Compiler compiler, ITestOutputHelper output)
    : MutationClaims(compiler.Instance, ElectionMutations.All, TestCounts.Of("elections.mutation-seeds"), output), IClassFixture<ElectionMutationTests.Compiler>
{
    /// <summary>The names of all mutations.</summary>
    public static TheoryData<string> All => [.. ElectionMutations.All.Select(mutation => mutation.Name)];

    [Fact]
    public void There_are_at_least_fifteen_mutations_of_the_elections() => Assert.True(ElectionMutations.All.Count >= 15);

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        Catch(name);
        TestCounts.Reached("elections.mutation-seeds (mutants caught within them)", 1);
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new(MutationTarget.Elections);
    }
}

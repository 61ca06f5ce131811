using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The simulation of mirrors, against mutants of the state and its mirror.</summary>
public sealed class MirrorMutationTests(MirrorMutationTests.Compiler compiler, ITestOutputHelper output)
    : MutationClaims(compiler.Instance, MirrorMutations.All, TestCounts.Of("mutation.seeds"), output), IClassFixture<MirrorMutationTests.Compiler>
{
    /// <summary>The names of all mutations.</summary>
    public static TheoryData<string> All => [.. MirrorMutations.All.Select(mutation => mutation.Name)];

    [Fact]
    public void There_are_at_least_eight_mutations_of_the_mirror() => Assert.True(MirrorMutations.All.Count >= 8);

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        Catch(name);
        TestCounts.Reached("mutation.seeds (mutants of the mirror caught within them)", 1);
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new(MutationTarget.Mirror);
    }
}

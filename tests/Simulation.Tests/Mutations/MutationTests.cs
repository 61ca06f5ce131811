using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The simulation of the group, against mutants of the engine.</summary>
public sealed class MutationTests(MutationTests.Compiler compiler, ITestOutputHelper output)
    : MutationClaims(compiler.Instance, EngineMutations.All, TestCounts.Of("mutation.seeds"), output), IClassFixture<MutationTests.Compiler>
{
    /// <summary>The names of all mutations.</summary>
    public static TheoryData<string> All => [.. EngineMutations.All.Select(mutation => mutation.Name)];

    [Fact]
    public void There_are_at_least_twenty_mutations_of_the_engine() => Assert.True(EngineMutations.All.Count >= 20);

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        Catch(name);
        TestCounts.Reached("mutation.seeds (mutants caught within them)", 1);
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new(MutationTarget.Engine);
    }
}

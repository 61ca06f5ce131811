using Xunit.Abstractions;

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>A simulation finds bugs: every mutant of the real sources fails within a bounded number of seeds, and the original passes it.</summary>
public abstract class MutationClaims
{
    private readonly MutantCompiler _compiler;
    private readonly IReadOnlyList<Mutation> _mutations;
    private readonly int _seeds;
    private readonly ITestOutputHelper _output;

    /// <param name="compiler">Of the sources that the mutations break.</param>
    /// <param name="mutations">All of them.</param>
    /// <param name="seeds">That a mutant is given.</param>
    /// <param name="output">Says what each was caught by.</param>
    private protected MutationClaims(MutantCompiler compiler, IReadOnlyList<Mutation> mutations, int seeds, ITestOutputHelper output) =>
        (_compiler, _mutations, _seeds, _output) = (compiler, mutations, seeds, output);

    private protected void Catch(string name)
    {
        Mutation mutation = _mutations.Single(mutation => mutation.Name == name);
        (ulong seed, string? failure) = MutantRunner.AnyFailure(_compiler.Load(mutation), mutation, _seeds);
        Assert.True(failure is not null, $"'{name}' passes {_seeds} seeds: nothing depends on that rule, or no invariant watches it");
        Assert.Null(_compiler.Original(seed, "", CancellationToken.None)); // it is the mutation that fails
        _output.WriteLine($"seed {seed}: {failure}");
    }
}

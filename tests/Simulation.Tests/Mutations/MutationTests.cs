using System.Runtime.Loader;
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
        (ulong seed, string? failure) = FirstFailure(null);
        Assert.True(failure is null, $"seed {seed}: {failure}");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_mutant_is_caught(string name)
    {
        Mutation mutation = EngineMutations.All.Single(mutation => mutation.Name == name);
        (ulong seed, string? failure) = FirstFailure(mutation);
        Assert.True(failure is not null, $"'{mutation.Name}' passes {Seeds} seeds: nothing depends on that rule, or no invariant watches it");
        _output.WriteLine($"seed {seed}: {failure}");
        TestCounts.Reached("mutation.seeds (mutants caught within them)", 1);
    }

    private static int Seeds => TestCounts.Of("mutation.seeds");

    private (ulong Seed, string? Failure) FirstFailure(Mutation? mutation)
    {
        Func<ulong, string, string?> run = _compiler.Instance.Load(mutation, out AssemblyLoadContext context);
        (ulong Seed, string? Failure) first = (ulong.MaxValue, null);
        string kind = mutation?.Kind?.ToString() ?? "";
        Lock merging = new();
        long next = 0;
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            while (true)
            {
                ulong seed = (ulong)Interlocked.Increment(ref next);
                if (seed > (ulong)Seeds || seed > Volatile.Read(ref first.Seed)) return;
                string? failure = run(seed, kind);
                if (failure is null) continue;
                lock (merging)
                {
                    if (seed < first.Seed) first = (seed, failure);
                }
            }
        });
        context.Unload();
        return first;
    }

    /// <summary>Parses the sources once for all tests of the class.</summary>
    public sealed class Compiler
    {
        internal MutantCompiler Instance { get; } = new();
    }
}

namespace Appliance.Tests.Simulation.Mutations;

/// <summary>Runs mutants over many seeds on all processors.</summary>
internal static class MutantRunner
{
    /// <summary>The first seed of so many that fails, and why; null when all pass.</summary>
    internal static (ulong Seed, string? Failure) FirstFailure(MutantCompiler compiler, Mutation? mutation, int seeds)
    {
        Func<ulong, string, string?> run = compiler.Load(mutation);
        (ulong Seed, string? Failure) first = (ulong.MaxValue, null);
        string kind = mutation?.Kind?.ToString() ?? "";
        Lock merging = new();
        long next = 0;
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            while (true)
            {
                ulong seed = (ulong)Interlocked.Increment(ref next);
                if (seed > (ulong)seeds || seed > Volatile.Read(ref first.Seed)) return;
                string? failure = run(seed, kind);
                if (failure is null) continue;
                lock (merging)
                {
                    if (seed < first.Seed) first = (seed, failure);
                }
            }
        });
        return first;
    }
}

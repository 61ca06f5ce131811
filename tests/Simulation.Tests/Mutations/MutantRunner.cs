namespace Appliance.Tests.Simulation.Mutations;

/// <summary>Runs mutants over many seeds on all processors.</summary>
internal static class MutantRunner
{
    /// <summary>The seed of so many that is found to fail first, and why; null when all pass. The runs under way then are abandoned: a mutant may make one of them very long.</summary>
    internal static (ulong Seed, string? Failure) AnyFailure(Func<ulong, string, CancellationToken, string?> run, Mutation mutation, int seeds)
    {
        (ulong Seed, string? Failure) found = default;
        string kind = mutation.Kind?.ToString() ?? "";
        using CancellationTokenSource abandoned = new();
        Lock finding = new();
        long next = mutation.From - 1, last = next + seeds;
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            while (!abandoned.IsCancellationRequested)
            {
                ulong seed = (ulong)Interlocked.Increment(ref next);
                if (seed > (ulong)last) return;
                string? failure = run(seed, kind, abandoned.Token);
                lock (finding)
                {
                    if (failure is null || found.Failure is not null) continue;
                    found = (seed, failure);
                    abandoned.Cancel();
                }
            }
        });
        return found;
    }
}

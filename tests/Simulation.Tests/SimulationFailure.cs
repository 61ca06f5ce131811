namespace Appliance.Tests.Simulation;

/// <summary>A seed failed: says which, how to run it again, and what happened last.</summary>
internal sealed class SimulationFailure : Exception
{
    internal SimulationFailure(ulong seed, string plan, long time, string faults, string trace, Exception cause)
        : base($"seed {seed} failed at {time / 1e6:F3} ms: {cause.Message}\nrun it again: SEED={seed} make simulate\n{plan}\nfaults:\n{faults}\nlast events:\n{trace}", cause)
    {
        Seed = seed;
    }

    /// <summary>The seed.</summary>
    internal ulong Seed { get; }
}

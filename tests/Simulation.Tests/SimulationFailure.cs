namespace Appliance.Tests.Simulation;

/// <summary>A seed failed: says which, how to run it again, and what happened last.</summary>
internal sealed class SimulationFailure : Exception
{
    internal SimulationFailure(SimulationPlan plan, long time, string faults, string trace, Exception cause)
        : base($"seed {plan.Seed} failed at {time / 1e6:F3} ms: {cause.Message}\nrun it again: SEED={plan.Seed} make simulate\n{plan}\nfaults:\n{faults}\nlast events:\n{trace}", cause)
    {
        Seed = plan.Seed;
    }

    /// <summary>The seed.</summary>
    internal ulong Seed { get; }
}

namespace Appliance.Tests.Simulation.Elections;

/// <summary>A seed failed: says which, how to run it again, and what happened last.</summary>
internal sealed class ElectionFailure : Exception
{
    internal ElectionFailure(ElectionPlan plan, long time, string trace, Exception cause)
        : base($"election seed {plan.Seed} failed at {time / 1e6:F3} ms: {cause.Message}\nrun it again: SEED={plan.Seed} make simulate\n{plan}\nlast events:\n{trace}", cause)
    {
        Seed = plan.Seed;
    }

    /// <summary>The seed.</summary>
    internal ulong Seed { get; }
}

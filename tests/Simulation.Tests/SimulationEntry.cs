namespace Appliance.Tests.Simulation;

/// <summary>How code that was compiled at run time is called: plain types only, since its own types are other types.</summary>
internal static class SimulationEntry
{
    /// <summary>Runs a seed, if its plan is of a kind.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="kind">Name of a <see cref="PlanKind"/>; empty for all.</param>
    /// <param name="abandoned">Ends a run whose result nobody needs any more, as a failure.</param>
    /// <returns>Null, or why it failed.</returns>
    internal static string? Run(ulong seed, string kind, CancellationToken abandoned)
    {
        if (kind.Length > 0 && SimulationPlan.Of(seed).Kind.ToString() != kind) return null;
        try
        {
            GroupSimulation.Run(seed, abandoned);
            return null;
        }
        catch (SimulationFailure failure)
        {
            return failure.InnerException!.Message;
        }
    }
}

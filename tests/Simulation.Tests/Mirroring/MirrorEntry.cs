namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>How mirrors that were compiled at run time are called: plain types only, since their own types are other types.</summary>
internal static class MirrorEntry
{
    /// <summary>Runs a seed.</summary>
    /// <returns>Null, or why it failed.</returns>
    internal static string? Run(ulong seed, string kind, CancellationToken abandoned)
    {
        _ = kind; // all runs are of one kind
        try
        {
            MirrorSimulation.Run(seed, abandoned);
            return null;
        }
        catch (SimulationFailure failure)
        {
            return failure.InnerException!.Message;
        }
    }
}

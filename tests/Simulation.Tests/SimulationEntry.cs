namespace Appliance.Tests.Simulation;

/// <summary>How code that was compiled at run time is called: plain types only, since its own types are other types.</summary>
internal static class SimulationEntry
{
    /// <summary>Runs a seed.</summary>
    /// <returns>Null, or why it failed.</returns>
    internal static string? Run(ulong seed)
    {
        try
        {
            GroupSimulation.Run(seed);
            return null;
        }
        catch (SimulationFailure failure)
        {
            return failure.InnerException!.Message;
        }
    }
}

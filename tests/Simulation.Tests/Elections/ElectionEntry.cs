namespace Appliance.Tests.Simulation.Elections;

/// <summary>How code that was compiled at run time is called: plain types only, since its own types are other types.</summary>
internal static class ElectionEntry
{
    /// <summary>Runs a seed.</summary>
    /// <returns>Null, or why it failed.</returns>
    internal static string? Run(ulong seed, string kind, CancellationToken abandoned)
    {
        _ = kind;
        try
        {
            ElectionWorld.Run(seed, abandoned);
            return null;
        }
        catch (ElectionFailure failure)
        {
            return failure.InnerException!.Message;
        }
    }
}

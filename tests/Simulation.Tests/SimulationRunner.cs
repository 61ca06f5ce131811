namespace Appliance.Tests.Simulation;

/// <summary>Runs many seeds on all processors.</summary>
internal static class SimulationRunner
{
    /// <summary>A loaded machine looks to the thread pool like threads that wait; it would add others, each with a simulation and its memory, without end.</summary>
    internal static readonly ParallelOptions OneForEachProcessor = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    private const int MostFailures = 5;

    /// <summary>Runs seeds from a first one.</summary>
    /// <returns>The totals, and the first few failures in the order of their seeds.</returns>
    internal static (SimulationTotals Totals, IReadOnlyList<SimulationFailure> Failures) Run(ulong firstSeed, int count)
    {
        SimulationTotals totals = new();
        List<SimulationFailure> failures = [];
        Lock merging = new();
        Parallel.For(0, count, OneForEachProcessor, (i, loop) =>
        {
            try
            {
                SimulationTotals one = GroupSimulation.Run(firstSeed + (ulong)i);
                lock (merging) totals.Add(one);
            }
            catch (SimulationFailure failure)
            {
                lock (merging)
                {
                    failures.Add(failure);
                    if (failures.Count >= MostFailures) loop.Break();
                }
            }
        });
        failures.Sort((left, right) => left.Seed.CompareTo(right.Seed));
        return (totals, failures);
    }
}

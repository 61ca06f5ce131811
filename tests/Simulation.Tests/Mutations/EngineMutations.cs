namespace Appliance.Tests.Simulation.Mutations;

/// <summary>The mutations of src/Multicast.</summary>
internal static class EngineMutations
{
    /// <summary>All of them.</summary>
    internal static readonly IReadOnlyList<Mutation> All =
    [
    ];
}

namespace Appliance.Tests.Systems;

/// <summary>
/// Tests whose laboratory runs with the timing of the shipped configuration, or that measure: one at a time, after all others. The others give a node seconds before it counts as dead; two of them at once
/// keep both cores busy.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Timed
{
    /// <summary>The collection's name.</summary>
    public const string Name = nameof(Timed);
}

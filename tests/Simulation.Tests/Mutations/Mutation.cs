namespace Appliance.Tests.Simulation.Mutations;

/// <summary>One rule of the real sources broken on purpose.</summary>
/// <param name="Name">What is broken.</param>
/// <param name="File">Path below the repository.</param>
/// <param name="Find">Text that stands there exactly once.</param>
/// <param name="Replacement">What stands there in the mutant.</param>
/// <param name="Kind">The only kind of plan that can notice; null for any.</param>
/// <param name="From">The first seed that it runs: shortly before one that is known to notice what few do.</param>
internal sealed record Mutation(string Name, string File, string Find, string Replacement, PlanKind? Kind = null, int From = 1)
{
    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The mutant's text.</summary>
    /// <exception cref="InvalidOperationException">The text to find is not there exactly once: the sources changed, and so must the mutation.</exception>
    internal string Apply(string source)
    {
        int at = source.IndexOf(Find, StringComparison.Ordinal);
        if (at < 0) throw new InvalidOperationException($"mutation '{Name}': {File} no longer contains the text to replace; adapt the mutation:\n{Find}");
        if (source.IndexOf(Find, at + 1, StringComparison.Ordinal) >= 0) throw new InvalidOperationException($"mutation '{Name}': {File} contains the text to replace more than once:\n{Find}");
        return string.Concat(source.AsSpan(0, at), Replacement, source.AsSpan(at + Find.Length));
    }
}

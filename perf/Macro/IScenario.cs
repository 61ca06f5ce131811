namespace Appliance.Perf.Macro;

/// <summary>One side-by-side benchmark. Found by its type: a new file in this folder is enough.</summary>
internal interface IScenario
{
    /// <summary>What selects it on the command line.</summary>
    string Name { get; }

    /// <summary>One line for the list.</summary>
    string Summary { get; }

    /// <summary>Measures; sides that are compared run interleaved, and each figure is the median of several rounds.</summary>
    IEnumerable<Figure> Run(ScenarioOptions options);
}

/// <summary>How a scenario runs.</summary>
/// <param name="Quick">Small counts: shows that it works, not how fast it is.</param>
internal sealed record ScenarioOptions(bool Quick);

using System.Text.Json.Serialization;

namespace Appliance.Perf.Macro;

/// <summary>One measured figure.</summary>
/// <param name="Name">Stable name.</param>
/// <param name="Median">Median of the rounds.</param>
/// <param name="Spread">Largest minus smallest round, as a part of the median.</param>
/// <param name="Ratio">Against the side that it is compared with, in the direction in which more is better; null when nothing is.</param>
/// <param name="Unit">Unit of the median.</param>
/// <param name="Target">What is demanded of the ratio, or of the median when there is no ratio; null when nothing is.</param>
/// <param name="TargetIsLimit">The target is an upper limit.</param>
internal sealed record Figure(string Name, double Median, double Spread, double? Ratio, string Unit, double? Target = null, bool TargetIsLimit = false)
{
    /// <summary>The demand is fulfilled; null when there is none.</summary>
    [JsonPropertyName("met")]
    public bool? Met => Target is null ? null : TargetIsLimit ? (Ratio ?? Median) <= Target : (Ratio ?? Median) >= Target;

    /// <summary>A figure from its rounds.</summary>
    public static Figure Of(string name, IReadOnlyCollection<double> rounds, string unit, double? ratio = null, double? target = null, bool targetIsLimit = false)
    {
        double median = Statistics.Median(rounds);
        double spread = median == 0 ? 0 : (rounds.Max() - rounds.Min()) / median;
        return new Figure(name, median, spread, ratio, unit, target, targetIsLimit);
    }
}

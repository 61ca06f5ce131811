using System.Globalization;

namespace Appliance.Tests.Shared;

/// <summary>Judges counts of what happens at random. A band that does not grow with chance fails a right program now and then: five standard deviations are exceeded once in two million tries.</summary>
public static class Chance
{
    private const double Deviations = 5;

    /// <summary>So many trials, and five standard deviations are no more than the deviation that is allowed.</summary>
    /// <param name="probability">Of one trial, above 0.</param>
    /// <param name="allowed">The deviation, as a part of what is expected.</param>
    public static long Trials(double probability, double allowed) => (long)Math.Ceiling(Deviations * Deviations * (1 - probability) / (probability * allowed * allowed));

    /// <summary>Fails when a count is further from what is expected than is allowed and than chance explains.</summary>
    /// <param name="probability">Of one trial.</param>
    /// <param name="trials">How many were made.</param>
    /// <param name="count">How many happened.</param>
    /// <param name="what">Of the trials that are counted.</param>
    /// <param name="allowed">By the demand, as a part of what is expected.</param>
    public static void Explains(double probability, long trials, long count, string what, double allowed = 0)
    {
        double expected = probability * trials, band = Math.Max(allowed * expected, Deviations * Math.Sqrt(expected * (1 - probability)));
        Assert.True(Math.Abs(count - expected) <= band, string.Create(CultureInfo.InvariantCulture, $"{count} of {trials} {what}; {expected:F0} are expected, {band:F0} more or less"));
    }
}

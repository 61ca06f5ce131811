namespace Appliance.Multicast.Protocol;

/// <summary>The truncated exponential backoff of RFC 5401, section 4 (RandomBackoff): few early, many late, so that the early ones suppress the rest. Rule P-47.</summary>
internal static class Backoff
{
    /// <summary>Longest backoff in round trips (K of RFC 5401; its default).</summary>
    public const int RoundTrips = 4;

    /// <summary>Draws a time below <paramref name="longest"/>.</summary>
    public static TimeSpan Draw(SeededRandom random, TimeSpan longest, int groupSize)
    {
        double maxTime = longest.TotalSeconds;
        if (maxTime <= 0) return TimeSpan.Zero;
        double lambda = Math.Log(groupSize) + 1;
        double x = random.NextDouble() * (lambda / maxTime) + lambda / (maxTime * (Math.Exp(lambda) - 1));
        return TimeSpan.FromSeconds(maxTime / lambda * Math.Log(x * (Math.Exp(lambda) - 1) * (maxTime / lambda)));
    }
}

using System.Numerics;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>Latencies in buckets of an eighth of a power of two: 12 % resolution, no allocation.</summary>
internal sealed class LatencyHistogram
{
    private const int Sub = 8;
    private readonly long[] _counts = new long[64 * Sub];

    internal void Clear() => Array.Clear(_counts);

    internal void Record(long nanoseconds) => _counts[IndexOf((ulong)Math.Max(1, nanoseconds))]++;

    /// <summary>The upper bound of the bucket that holds the quantile.</summary>
    internal double QuantileMicroseconds(double part)
    {
        long wanted = (long)Math.Ceiling(_counts.Sum() * part), seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted && seen > 0) return UpperBound(i) / 1000;
        }
        return 0;
    }

    private static int IndexOf(ulong value)
    {
        int power = BitOperations.Log2(value);
        int sub = power < 3 ? 0 : (int)(value >> (power - 3)) & (Sub - 1);
        return power * Sub + sub;
    }

    private static double UpperBound(int index) => Math.Pow(2, index / Sub) * (1 + (index % Sub + 1.0) / Sub);
}

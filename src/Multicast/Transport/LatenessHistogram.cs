namespace Appliance.Multicast.Transport;

/// <summary>How late something periodic was, in powers of two of microseconds. One writer; readers on any thread see values of slightly different moments.</summary>
public sealed class LatenessHistogram
{
    /// <summary>Bucket i counts less than 2^i microseconds; the last one everything from 2^20 (a second) up.</summary>
    public const int Buckets = 22;

    private readonly long[] _counts = new long[Buckets];
    private long _maxNanoseconds;

    /// <summary>Latest of all.</summary>
    public TimeSpan Max => new(Volatile.Read(ref _maxNanoseconds) / 100);

    /// <summary>How many were less late than 2^<paramref name="bucket"/> microseconds, and not less than half of that.</summary>
    public long CountOf(int bucket) => Volatile.Read(ref _counts[bucket]);

    /// <summary>The bound that a part of all did not exceed.</summary>
    /// <param name="part">0 to 1, for example 0.99.</param>
    public TimeSpan Quantile(double part)
    {
        long total = 0;
        for (int i = 0; i < Buckets; i++) total += CountOf(i);
        long wanted = (long)Math.Ceiling(total * part);
        long seen = 0;
        for (int i = 0; i < Buckets; i++)
        {
            seen += CountOf(i);
            if (seen >= wanted && seen > 0) return TimeSpan.FromMicroseconds(1L << i);
        }
        return TimeSpan.Zero;
    }

    internal void Record(long nanoseconds)
    {
        long microseconds = Math.Max(0, nanoseconds) / 1000;
        int bucket = Math.Min(Buckets - 1, 64 - System.Numerics.BitOperations.LeadingZeroCount((ulong)microseconds));
        Volatile.Write(ref _counts[bucket], _counts[bucket] + 1);
        if (nanoseconds > _maxNanoseconds) Volatile.Write(ref _maxNanoseconds, nanoseconds);
    }
}

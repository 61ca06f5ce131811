namespace Appliance.Multicast.Protocol;

/// <summary>SplitMix64 (Steele, Lea, Flood 2014): the engine's only source of randomness, so that equal seeds make equal runs.</summary>
internal sealed class SeededRandom
{
    private ulong _state;

    public SeededRandom(ulong seed) => _state = seed;

    /// <summary>64 random bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform between nothing and a span.</summary>
    public TimeSpan NextSpan(TimeSpan below) => new((long)(below.Ticks * NextDouble()));
}

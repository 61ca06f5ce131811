namespace Appliance.Tests.Simulation.Kernel;

/// <summary>The only source of chance in a simulation: SplitMix64 (Steele, Lea, Flood 2014), so that a seed means the same on every machine and runtime.</summary>
internal sealed class SimulationRandom
{
    private ulong _state;

    internal SimulationRandom(ulong seed) => _state = seed;

    /// <summary>64 random bits.</summary>
    internal ulong Next()
    {
        ulong z = _state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to <paramref name="bound"/> - 1.</summary>
    internal int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    internal int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    internal long Between(long least, long most) => least + (long)Math.BigMul(Next(), (ulong)(most - least + 1), out _);

    /// <summary>A number from 0 to 1, 1 excluded.</summary>
    internal double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with a probability.</summary>
    internal bool Chance(double probability) => probability > 0 && Fraction() < probability;

    /// <summary>Fills a span with random bytes.</summary>
    internal void Fill(Span<byte> destination)
    {
        while (destination.Length >= sizeof(ulong))
        {
            BitConverter.TryWriteBytes(destination, Next());
            destination = destination[sizeof(ulong)..];
        }
        ulong last = Next();
        for (int i = 0; i < destination.Length; i++) destination[i] = (byte)(last >> (8 * i));
    }

    /// <summary>A generator of its own, so that drawing more numbers in one part of a simulation does not change another part.</summary>
    internal SimulationRandom Fork() => new(Next());
}

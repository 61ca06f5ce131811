namespace Appliance.State;

/// <summary>Waits between attempts that fail one after another: each about twice as long as the one before, up to a limit, and spread so that several members do not retry in step.</summary>
/// <remarks>The spread comes from a seed: the same seed gives the same waits.</remarks>
internal sealed class Backoff
{
    private readonly TimeSpan _first, _most;
    private ulong _state;
    private int _failures;

    /// <param name="first">The wait after the first failure, at most.</param>
    /// <param name="most">The longest wait; not below <paramref name="first"/>.</param>
    /// <param name="seed">Decides the spread.</param>
    internal Backoff(TimeSpan first, TimeSpan most, ulong seed)
    {
        _first = first;
        _most = most;
        _state = seed;
    }

    /// <summary>An attempt has failed.</summary>
    /// <returns>How long to wait: between half of the doubled wait and all of it.</returns>
    internal TimeSpan Next()
    {
        const int enough = 30; // two to this power times the first wait is beyond any limit
        double doubled = Math.Min(_most.Ticks, _first.Ticks * Math.Pow(2, Math.Min(_failures, enough)));
        _failures++;
        return TimeSpan.FromTicks((long)(doubled * (0.5 + 0.5 * NextFraction())));
    }

    /// <summary>An attempt has succeeded.</summary>
    internal void Reset() => _failures = 0;

    // SplitMix64 (Steele, Lea, Flood, 'Fast splittable pseudorandom number generators', 2014).
    private double NextFraction()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}

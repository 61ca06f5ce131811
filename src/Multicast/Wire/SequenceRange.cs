namespace Appliance.Multicast.Wire;

/// <summary>Consecutive sequences of a stream.</summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last, not below the first.</param>
internal readonly record struct SequenceRange(ulong First, ulong Last)
{
    /// <summary>How many.</summary>
    public ulong Count => Last - First + 1;

    /// <summary>Whether all of another range is in this one.</summary>
    public bool Contains(SequenceRange other) => other.First >= First && other.Last <= Last;
}

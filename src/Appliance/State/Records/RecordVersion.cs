namespace Appliance.State;

/// <summary>
/// When a record was written: the service's term in the upper 20 bits, the number of the write within the term in the lower 44. Comparing two versions of
/// one service as numbers tells which write is newer, whoever made it and whatever stream brought it (ARCHITECTURE 3, step 2).
/// </summary>
/// <remarks>Sequences are dense: every write of a term has the number after its predecessor's, so a receiver notices by itself that one is missing.</remarks>
/// <param name="Value">Term and sequence in one number; 0 for 'before everything'.</param>
internal readonly record struct RecordVersion(ulong Value) : IComparable<RecordVersion>
{
    /// <summary>Bits of the sequence: 17 trillion writes in a term, at a million a second half a year without a restart.</summary>
    internal const int SequenceBits = 44;

    /// <summary>Largest sequence of a term.</summary>
    internal const ulong MaxSequence = (1UL << SequenceBits) - 1;

    /// <summary>Largest term: a million restarts.</summary>
    internal const ulong MaxTerm = (1UL << (64 - SequenceBits)) - 1;

    /// <summary>Before everything: what a node without memory has.</summary>
    internal static readonly RecordVersion None;

    /// <summary>A term's write number <paramref name="sequence"/>; sequence 0 is 'before the first of the term'.</summary>
    internal RecordVersion(ulong term, ulong sequence)
        : this((term << SequenceBits) | sequence)
    {
    }

    /// <summary>The service's term.</summary>
    internal ulong Term => Value >> SequenceBits;

    /// <summary>The number of the write within its term.</summary>
    internal ulong Sequence => Value & MaxSequence;

    /// <summary>The next write of the same term.</summary>
    internal RecordVersion Next => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(RecordVersion other) => Value.CompareTo(other.Value);

    /// <summary>The newer of two.</summary>
    internal static RecordVersion Max(RecordVersion left, RecordVersion right) => left.Value > right.Value ? left : right;

    /// <summary>The older of two.</summary>
    internal static RecordVersion Min(RecordVersion left, RecordVersion right) => left.Value < right.Value ? left : right;

    /// <summary>Older than.</summary>
    public static bool operator <(RecordVersion left, RecordVersion right) => left.Value < right.Value;

    /// <summary>Newer than.</summary>
    public static bool operator >(RecordVersion left, RecordVersion right) => left.Value > right.Value;

    /// <summary>Not newer than.</summary>
    public static bool operator <=(RecordVersion left, RecordVersion right) => left.Value <= right.Value;

    /// <summary>Not older than.</summary>
    public static bool operator >=(RecordVersion left, RecordVersion right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"{Term}:{Sequence}";
}

using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>Where each earlier term of a service ended: what decides whether a write is kept or gone everywhere (ARCHITECTURE 3, the cut). Immutable.</summary>
/// <remarks>
/// <code>
///  0           8                     10
///  | base term | number of entries n | n x (term u64, end u64)
/// </code>
/// Integers are big-endian. Terms ascend and are below the current one; a term that is not listed and not below the base term kept nothing.
/// Terms below the base term are forgotten: whoever stopped there starts over.
/// </remarks>
internal sealed class TermChain
{
    /// <summary>Terms remembered. 64: a member that slept through more restarts of the primary than that fetches everything.</summary>
    internal const int MaxTerms = 64;

    /// <summary>Most bytes of an encoding.</summary>
    internal const int MaxBytes = HeaderBytes + MaxTerms * EntryBytes;

    private const int HeaderBytes = 10, EntryBytes = 16;
    private readonly Ending[] _endings;

    private TermChain(ulong currentTerm, ulong baseTerm, Ending[] endings)
    {
        CurrentTerm = currentTerm;
        BaseTerm = baseTerm;
        _endings = endings;
    }

    /// <summary>Where one term ended.</summary>
    /// <param name="Term">The term.</param>
    /// <param name="End">Its last sequence that is kept.</param>
    internal readonly record struct Ending(ulong Term, ulong End);

    /// <summary>What a node without memory knows.</summary>
    internal static readonly TermChain Empty = new(0, 0, []);

    /// <summary>The newest term: all of its writes are kept so far.</summary>
    internal ulong CurrentTerm { get; }

    /// <summary>The oldest term that is remembered.</summary>
    internal ulong BaseTerm { get; }

    /// <summary>The earlier terms and where they ended, ascending.</summary>
    internal ReadOnlySpan<Ending> Endings => _endings;

    /// <summary>Bytes of the encoding.</summary>
    internal int EncodedBytes => HeaderBytes + _endings.Length * EntryBytes;

    /// <summary>Whether a write is kept.</summary>
    internal bool Covers(RecordVersion version) => Clamp(version) == version;

    /// <summary>The newest kept write that is not newer than a given one and of the same term; <see cref="RecordVersion.None"/> when its term kept nothing or is forgotten.</summary>
    internal RecordVersion Clamp(RecordVersion version)
    {
        if (version.Term == CurrentTerm) return version;
        foreach (Ending ending in _endings)
            if (ending.Term == version.Term) return new RecordVersion(version.Term, Math.Min(version.Sequence, ending.End));
        return RecordVersion.None;
    }

    /// <summary>Whether <paramref name="next"/> is the write right after <paramref name="position"/>, across the end of terms if need be.</summary>
    internal bool IsNext(RecordVersion position, RecordVersion next)
    {
        if (next.Value == position.Value + 1 && next.Term == position.Term) return true;
        return next.Sequence == 1 && next.Term == CurrentTerm && position == LastEnd;
    }

    /// <summary>Where the term before the current one ended.</summary>
    internal RecordVersion LastEnd => _endings.Length == 0 ? RecordVersion.None : new RecordVersion(_endings[^1].Term, _endings[^1].End);

    /// <summary>A new term begins and the current one ends at the position.</summary>
    internal TermChain Begin(ulong newTerm, RecordVersion position)
    {
        if (position == RecordVersion.None) return new TermChain(newTerm, BaseTerm, []); // nobody holds anything: nothing of any term is kept
        if (position.Sequence == 0) return new TermChain(newTerm, BaseTerm, _endings);
        List<Ending> endings = [];
        foreach (Ending ending in _endings)
            if (ending.Term < position.Term) endings.Add(ending);
        endings.Add(new Ending(position.Term, position.Sequence));
        ulong baseTerm = BaseTerm;
        while (endings.Count > MaxTerms)
        {
            baseTerm = endings[0].Term + 1;
            endings.RemoveAt(0);
        }
        return new TermChain(newTerm, baseTerm, [.. endings]);
    }

    /// <summary>Writes base term and endings; the current term stands elsewhere in every message.</summary>
    internal int Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, BaseTerm);
        BinaryPrimitives.WriteUInt16BigEndian(destination[8..], (ushort)_endings.Length);
        int offset = HeaderBytes;
        foreach (Ending ending in _endings)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[offset..], ending.Term);
            BinaryPrimitives.WriteUInt64BigEndian(destination[(offset + 8)..], ending.End);
            offset += EntryBytes;
        }
        return offset;
    }

    /// <summary>Reads what <see cref="Write"/> wrote; the chain must fill the bytes.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, ulong currentTerm, out TermChain chain)
    {
        chain = Empty;
        if (bytes.Length < HeaderBytes) return RecordParseResult.Truncated;
        ulong baseTerm = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        int count = BinaryPrimitives.ReadUInt16BigEndian(bytes[8..]);
        if (count > MaxTerms || currentTerm > RecordVersion.MaxTerm || baseTerm > currentTerm) return RecordParseResult.BadChain;
        if (bytes.Length < HeaderBytes + count * EntryBytes) return RecordParseResult.Truncated;
        if (bytes.Length > HeaderBytes + count * EntryBytes) return RecordParseResult.TrailingBytes;
        var endings = new Ending[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = bytes.Slice(HeaderBytes + i * EntryBytes, EntryBytes);
            var ending = new Ending(BinaryPrimitives.ReadUInt64BigEndian(entry), BinaryPrimitives.ReadUInt64BigEndian(entry[8..]));
            bool ascends = ending.Term >= baseTerm && ending.Term < currentTerm && (i == 0 || ending.Term > endings[i - 1].Term);
            if (!ascends || ending.Term == 0 || ending.End is 0 or > RecordVersion.MaxSequence) return RecordParseResult.BadChain;
            endings[i] = ending;
        }
        chain = new TermChain(currentTerm, baseTerm, endings);
        return RecordParseResult.Ok;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{string.Join(' ', _endings.Select(static ending => $"{ending.Term}:{ending.End}"))} | {CurrentTerm}";
}

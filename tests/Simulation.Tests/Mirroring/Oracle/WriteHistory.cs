using System.Buffers.Binary;
using Appliance.State;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>Everything that was ever written, by term and by key, and which part of it each term kept: the model that tables are compared with.</summary>
internal sealed class WriteHistory
{
    private const int SequenceBits = 44;
    private const int ControlBytes = 16, ChainHeaderBytes = 10, EndingBytes = 16;
    private readonly Dictionary<ulong, TermHistory> _terms = [];
    private readonly List<Write>[] _keys = new List<Write>[KeySpace.Count];
    private readonly List<Write>[] _fields = new List<Write>[KeySpace.Count * KeySpace.Fields];

    internal WriteHistory()
    {
        for (int i = 0; i < _keys.Length; i++) _keys[i] = [];
        for (int i = 0; i < _fields.Length; i++) _fields[i] = [];
    }

    /// <summary>The newest term; null before the first.</summary>
    internal TermHistory? Newest { get; private set; }

    /// <summary>Writes in all terms.</summary>
    internal int Writes { get; private set; }

    /// <summary>A term by its number.</summary>
    internal TermHistory Term(ulong number) => _terms.TryGetValue(number, out TermHistory? term) ? term : throw new InvariantViolation($"term {number} never began");

    /// <summary>The term of a version.</summary>
    internal TermHistory TermOf(ulong version) => Term(version >> SequenceBits);

    /// <summary>Whether a version was ever written.</summary>
    internal bool Knows(ulong version) => _terms.TryGetValue(version >> SequenceBits, out TermHistory? term) && SequenceOf(version) <= term.Last;

    /// <summary>Number of a write within its term.</summary>
    internal static ulong SequenceOf(ulong version) => version & ((1UL << SequenceBits) - 1);

    /// <summary>A term begins.</summary>
    internal TermHistory AddCut(MirrorLife writer, ReadOnlySpan<byte> message)
    {
        ulong version = BinaryPrimitives.ReadUInt64BigEndian(message[8..]);
        ulong number = version >> SequenceBits;
        if (SequenceOf(version) != 1) throw new InvariantViolation($"{writer}: a cut has sequence {SequenceOf(version)}");
        if (Newest is not null && number <= Newest.Number) throw new InvariantViolation($"{writer}: term {number} begins after term {Newest.Number}");
        List<(ulong Term, ulong End)> endings = [];
        int count = BinaryPrimitives.ReadUInt16BigEndian(message[(ControlBytes + 8)..]);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = message[(ControlBytes + ChainHeaderBytes + i * EndingBytes)..];
            endings.Add((BinaryPrimitives.ReadUInt64BigEndian(entry), BinaryPrimitives.ReadUInt64BigEndian(entry[8..])));
        }
        foreach ((ulong term, ulong end) in endings)
        {
            if (end > Term(term).Last) throw new InvariantViolation($"{writer}: term {number} keeps term {term} through {end}, of which only {Term(term).Last} were written");
        }
        if (endings.Count > 0 && !Term(endings[^1].Term).Endings.SequenceEqual(endings[..^1]))
            throw new InvariantViolation($"{writer}: term {number} keeps other earlier terms than term {endings[^1].Term} did, which it continues");
        TermHistory begun = new(number, writer, endings);
        if (endings.Count > 0) begun.Missing.UnionWith(Term(endings[^1].Term).Missing);
        _terms.Add(number, begun);
        Newest = begun;
        begun.Add(1, endsBatch: true);
        return begun;
    }

    /// <summary>A record is written.</summary>
    internal Write AddRecord(MirrorLife writer, ReadOnlySpan<byte> message, bool endsBatch)
    {
        Write write = Write.Read(message);
        TermHistory term = TermOf(write.Version);
        if (term.Writer != writer) throw new InvariantViolation($"{writer} writes in term {term.Number} of {term.Writer}");
        if (write.Class != (byte)KeySpace.ClassOf(write.Key)) throw new InvariantViolation($"{write} has class {write.Class}");
        term.Add(SequenceOf(write.Version), endsBatch);
        List<Write> writes = write.Field < 0 ? _keys[write.Key] : _fields[write.Key * KeySpace.Fields + write.Field];
        writes.Add(write);
        Writes++;
        return write;
    }

    /// <summary>What a key holds at a position: the newest write that the position's term keeps; null when there is none.</summary>
    internal Write? KeyAt(int key, ulong position) => NewestThrough(_keys[key], position, position);

    /// <summary>What a field holds at a position; null when there is none, or only of an earlier making of the hash.</summary>
    internal Write? FieldAt(int key, int field, ulong generation, ulong position)
    {
        Write? write = NewestThrough(_fields[key * KeySpace.Fields + field], position, position);
        return write is null || write.Generation != generation ? null : write;
    }

    /// <summary>The write of a key or field with a version; null when there is none.</summary>
    internal Write? Find(int key, int field, ulong version)
    {
        List<Write> writes = field < 0 ? _keys[key] : _fields[key * KeySpace.Fields + field];
        for (int i = writes.Count - 1; i >= 0 && writes[i].Version >= version; i--)
        {
            if (writes[i].Version == version) return writes[i];
        }
        return null;
    }

    /// <summary>A recovered primary reported a loss: what its tables lack, the new term lacks.</summary>
    internal void NoteMissing(TermHistory term, RecordTables tables)
    {
        for (int key = 0; key < KeySpace.Count; key++)
        {
            byte[] name = KeySpace.Key(key);
            uint handle = tables.Keys.Find(name, tables.Keys.Hash(name));
            ulong held = handle == 0 ? 0 : tables.Keys.View(handle).Header.Version;
            NoteMissing(term, _keys[key], held);
            for (int field = 0; field < KeySpace.Fields; field++)
            {
                if (_keys[key].FindLast(write => term.Keeps(write.Version)) is not { IsHash: true } head) continue;
                NoteMissing(term, _fields[key * KeySpace.Fields + field], tables.VersionOfField(head, field));
            }
        }
    }

    private static void NoteMissing(TermHistory term, List<Write> writes, ulong held)
    {
        if (held == 0 && writes.FindLast(write => term.Keeps(write.Version)) is { IsTombstone: true }) return; // deleted, and forgotten
        for (int i = writes.Count - 1; i >= 0 && writes[i].Version > held; i--)
        {
            if (term.Keeps(writes[i].Version)) term.Missing.Add(writes[i].Version);
        }
    }

    /// <summary>The newest write of a key or field, whether it is kept or not; null when there is none.</summary>
    internal Write? NewestOf(int key, int field) => (field < 0 ? _keys[key] : _fields[key * KeySpace.Fields + field]).LastOrDefault();

    /// <summary>Whether a write that the newest term keeps may have been gone for a while: what replaced it lay beyond a cut, or a term that had lost it was itself cut off.</summary>
    internal bool MayReturn(int key, ulong version) =>
        _keys[key].Exists(write => write.Version > version && !Newest!.Keeps(write.Version)) || _terms.Values.Any(term => term.Number > version >> SequenceBits && !term.Keeps(version));

    /// <summary>The newest write of a key between two versions that a term keeps; null when there is none.</summary>
    internal Write? NewestBetween(int key, ulong after, ulong through, ulong termOf)
    {
        Write? write = NewestThrough(_keys[key], through, termOf);
        return write is not null && write.Version > after ? write : null;
    }

    private Write? NewestThrough(List<Write> writes, ulong through, ulong termOf)
    {
        if (termOf == 0 || writes.Count == 0) return null;
        TermHistory term = TermOf(termOf);
        for (int i = writes.Count - 1; i >= 0; i--)
        {
            if (writes[i].Version <= through && term.Keeps(writes[i].Version)) return writes[i];
        }
        return null;
    }
}

/// <summary>One term of the service.</summary>
internal sealed class TermHistory
{
    private const int SequenceBits = 44;
    private readonly List<bool> _endsBatch = [];

    internal TermHistory(ulong number, MirrorLife writer, IReadOnlyList<(ulong Term, ulong End)> endings) => (Number, Writer, Endings) = (number, writer, endings);

    /// <summary>Its number.</summary>
    internal ulong Number { get; }

    /// <summary>Who writes in it.</summary>
    internal MirrorLife Writer { get; }

    /// <summary>What it keeps of earlier terms.</summary>
    internal IReadOnlyList<(ulong Term, ulong End)> Endings { get; }

    /// <summary>Writes that were lost before the end of their term that this one keeps: a recovered primary said so.</summary>
    internal HashSet<ulong> Missing { get; } = [];

    /// <summary>The newest write.</summary>
    internal ulong Last { get; private set; }

    /// <summary>Version of the newest write.</summary>
    internal ulong LastVersion => Number << SequenceBits | Last;

    /// <summary>A write of the term.</summary>
    internal void Add(ulong sequence, bool endsBatch)
    {
        if (sequence != Last + 1) throw new InvariantViolation($"term {Number}: write {sequence} follows {Last}");
        Last = sequence;
        _endsBatch.Add(endsBatch);
    }

    /// <summary>Whether a batch ends with a write.</summary>
    internal bool EndsBatch(ulong sequence) => _endsBatch[(int)sequence - 1];

    /// <summary>Whether a write of this or an earlier term is part of the history that this term continues.</summary>
    internal bool Keeps(ulong version) => Covers(version) && !Missing.Contains(version);

    /// <summary>Whether a write does not lie beyond an end; it may be missing all the same.</summary>
    internal bool Covers(ulong version)
    {
        ulong number = version >> SequenceBits, sequence = WriteHistory.SequenceOf(version);
        if (number == Number) return sequence <= Last;
        for (int i = Endings.Count - 1; i >= 0; i--)
        {
            if (Endings[i].Term == number) return sequence <= Endings[i].End;
        }
        return false;
    }
}

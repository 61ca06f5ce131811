namespace Appliance.State;

/// <summary>One pass over both tables of a service that removes or changes what a filter wants, a bounded step at a time.</summary>
internal abstract class TableWalk
{
    private const int StepHandles = 256;

    // About 20 ns a slot when nothing is found, 1 us a find at worst: a step stays below half a millisecond.
    private const int SlotsPerStep = 8192;

    private readonly uint[] _handles = new uint[StepHandles];
    private ulong _cursor;
    private bool _inFields;

    /// <param name="tables">The tables.</param>
    protected TableWalk(RecordTables tables) => Tables = tables;

    /// <summary>The tables.</summary>
    protected RecordTables Tables { get; }

    /// <summary>Records found so far.</summary>
    internal long Found { get; private set; }

    /// <summary>Goes on.</summary>
    /// <returns>True when the pass is complete.</returns>
    internal bool Step()
    {
        StateTable table = _inFields ? Tables.Fields : Tables.Keys;
        int found = Sweep(table, ref _cursor, SlotsPerStep, _handles);
        Found += found;
        for (int i = 0; i < found; i++)
        {
            if (_inFields) OnField(_handles[i]);
            else OnKey(_handles[i]);
        }
        Tables.Purge(StepHandles);
        if (_cursor != 0) return false;
        if (_inFields) return true;
        _inFields = true;
        return false;
    }

    /// <summary>Calls <see cref="StateTable.Sweep"/> with the pass's filter.</summary>
    protected abstract int Sweep(StateTable table, ref ulong cursor, int slots, Span<uint> handles);

    /// <summary>A key was found.</summary>
    protected abstract void OnKey(uint handle);

    /// <summary>A field was found.</summary>
    protected abstract void OnField(uint handle);
}

/// <summary>Removes what is not kept by chains of terms, and remembers the keys so that what was there before can be fetched again.</summary>
internal sealed class DiscardWalk : TableWalk
{
    /// <summary>Keys remembered; beyond, everything is fetched.</summary>
    internal const int MaxKeys = 65_536;

    private readonly HashSet<byte[]> _seen = new(KeyComparer.Instance);
    private Filter _filter;

    /// <param name="tables">The tables.</param>
    /// <param name="chain">What is kept.</param>
    /// <param name="kept">And of it, what is (<see cref="MirroredService.Kept"/>).</param>
    internal DiscardWalk(RecordTables tables, TermChain chain, TermChain kept)
        : base(tables) => _filter = new Filter(chain, kept);

    /// <summary>Keys to fetch again, in the order in which they were found.</summary>
    internal List<byte[]> Keys { get; } = [];

    /// <summary>There were more keys than are remembered.</summary>
    internal bool IsTruncated { get; private set; }

    /// <inheritdoc/>
    protected override int Sweep(StateTable table, ref ulong cursor, int slots, Span<uint> handles) => table.Sweep(ref cursor, slots, ref _filter, handles);

    /// <inheritdoc/>
    protected override void OnKey(uint handle)
    {
        Remember(Tables.Keys.View(handle).Key);
        Tables.RemoveKey(handle);
    }

    /// <inheritdoc/>
    protected override void OnField(uint handle)
    {
        if (HashFieldKey.TryParse(Tables.Fields.View(handle).Key, out HashFieldKey name)) Remember(name.Key);
        Tables.RemoveField(handle);
    }

    private void Remember(ReadOnlySpan<byte> key)
    {
        if (_seen.Count >= MaxKeys)
        {
            IsTruncated = true;
            return;
        }
        if (!_seen.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(key))
        {
            byte[] copy = key.ToArray();
            _seen.Add(copy);
            Keys.Add(copy);
        }
    }

    private readonly struct Filter(TermChain chain, TermChain kept) : IRecordFilter
    {
        public bool Wants(in RecordHeader header) => !chain.Covers(new RecordVersion(header.Version)) || !kept.Covers(new RecordVersion(header.Version));
    }
}

/// <summary>Takes the mark of an earlier snapshot off all records, before a replacing one begins.</summary>
internal sealed class UnmarkWalk : TableWalk
{
    private Filter _filter;

    internal UnmarkWalk(RecordTables tables)
        : base(tables)
    {
    }

    /// <inheritdoc/>
    protected override int Sweep(StateTable table, ref ulong cursor, int slots, Span<uint> handles) => table.Sweep(ref cursor, slots, ref _filter, handles);

    /// <inheritdoc/>
    protected override void OnKey(uint handle) => Unmark(Tables.Keys, handle);

    /// <inheritdoc/>
    protected override void OnField(uint handle) => Unmark(Tables.Fields, handle);

    private static void Unmark(StateTable table, uint handle)
    {
        RecordHeader header = table.View(handle).Header;
        table.SetHeader(handle, header with { Local = header.Local & ~LocalFlags.InSnapshot });
    }

    private readonly struct Filter : IRecordFilter
    {
        public bool Wants(in RecordHeader header) => (header.Local & LocalFlags.InSnapshot) != 0;
    }
}

/// <summary>After a replacing snapshot: removes what is not newer than it and was not in it.</summary>
internal sealed class ReplaceWalk : TableWalk
{
    private Filter _filter;

    /// <param name="tables">The tables.</param>
    /// <param name="cut">The server's position when the snapshot began.</param>
    internal ReplaceWalk(RecordTables tables, RecordVersion cut)
        : base(tables) => _filter = new Filter(cut.Value);

    /// <inheritdoc/>
    protected override int Sweep(StateTable table, ref ulong cursor, int slots, Span<uint> handles) => table.Sweep(ref cursor, slots, ref _filter, handles);

    /// <inheritdoc/>
    protected override void OnKey(uint handle) => Tables.RemoveKey(handle);

    /// <inheritdoc/>
    protected override void OnField(uint handle) => Tables.RemoveField(handle);

    private readonly struct Filter(ulong cut) : IRecordFilter
    {
        // A placeholder has the version before its generation: at the cut, its head is the first write after it and still to come.
        public bool Wants(in RecordHeader header) =>
            header.Version <= cut && (header.Local & LocalFlags.InSnapshot) == 0 && !(header.Local == LocalFlags.Placeholder && header.Version == cut);
    }
}

using System.Runtime.CompilerServices;

namespace Appliance.State;

/// <summary>
/// Keeps a service within its memory and its records within their time: expired ones become tombstones, tombstones below the floor go, and when a write does
/// not fit, first what has expired makes room, then each class by its policy (ARCHITECTURE 5). All work is in bounded steps.
/// </summary>
internal sealed class MemoryGuard
{
    private const int StepHandles = 128;

    // Looking at a slot in memory order takes about 20 ns: a step stays below 100 us.
    private const int SlotsPerStep = 2048;

    // The best of so many is among the oldest hundredth with a probability of three quarters (1 - 0.99^128).
    private const int EvictionCandidates = 128;
    private const int EvictionsPerWrite = 64;
    private const int PurgePerStep = 256;

    private readonly ServiceStore _store;
    private readonly uint[] _handles = new uint[StepHandles];
    private readonly long[] _evictions = new long[RecordCodec.ClassCount];
    private readonly long[] _refusals = new long[RecordCodec.ClassCount];
    private readonly byte[] _key;
    private ulong _random;
    private ulong _keysCursor, _fieldsCursor;
    private bool _seesFields;

    internal MemoryGuard(ServiceStore store, ulong randomSeed)
    {
        _store = store;
        _random = randomSeed | 1;
        _key = new byte[store.Limits.MaxKeyBytes];
    }

    /// <summary>Tombstones up to this version are forgotten: a member that stopped below gets a replacing snapshot.</summary>
    internal RecordVersion Floor { get; private set; }

    /// <summary>Records that expired and were turned into tombstones here.</summary>
    internal long Expirations { get; private set; }

    /// <summary>The floor was raised because memory was short, not because every member had passed.</summary>
    internal long ForcedFloors { get; private set; }

    /// <summary>Records of a class that made room for others.</summary>
    internal long EvictionsOf(RecordClass recordClass) => _evictions[(int)recordClass];

    /// <summary>Writes of a class that were refused.</summary>
    internal long RefusalsOf(RecordClass recordClass) => _refusals[(int)recordClass];

    /// <summary>Counts a refused write.</summary>
    internal void CountRefusal(RecordClass recordClass) => _refusals[(int)recordClass]++;

    /// <summary>Raises the floor; never lowers it.</summary>
    internal void RaiseFloor(RecordVersion floor) => Floor = RecordVersion.Max(Floor, floor);

    /// <summary>
    /// No tombstone goes while this is set: during a resynchronisation an old record can still arrive, and only the tombstone tells that it was deleted since.
    /// </summary>
    internal bool IsCollectionPaused { get; set; }

    /// <summary>Makes room for a write if the class allows it.</summary>
    internal WriteRefusal MakeRoom(RecordClass recordClass, long bytes)
    {
        if (Fits(bytes)) return WriteRefusal.None;
        for (int i = 0; i < 4 && !Fits(bytes); i++) Step();
        if (!Fits(bytes) && TombstonesWeigh) ForceFloor();
        bool evicts = _store.Publisher.Policies.Of(recordClass).EvictsOldest;
        for (int i = 0; i < EvictionsPerWrite && evicts && !Fits(bytes); i++)
        {
            if (!_store.Publisher.HasRoom(bytes)) return WriteRefusal.Busy;
            if (!EvictOldest(recordClass)) break;
        }
        if (!Fits(bytes) && _store.Tables.TombstoneCount > 0) ForceFloor();
        return Fits(bytes) ? WriteRefusal.None : WriteRefusal.OutOfMemory;
    }

    /// <summary>Goes on with the walk over all records: expiry, tombstones, fields of deleted hashes. Takes at most some 100 us.</summary>
    internal void Step()
    {
        _store.Tables.Purge(PurgePerStep);
        if (_seesFields) StepFields();
        else StepKeys();
    }

    /// <summary>A key out of the table, so that the table may change while it is used.</summary>
    internal ReadOnlySpan<byte> CopyKey(ReadOnlySpan<byte> key)
    {
        key.CopyTo(_key);
        return _key.AsSpan(0, key.Length);
    }

    private bool TombstonesWeigh => _store.Tables.TombstoneCount * 128 > _store.Tables.LimitBytes / 8;

    // A slot is at most an eighth larger than what it holds; 64 bytes are header, links and the slot in the index.
    private bool Fits(long bytes) => _store.Tables.LiveBytes + bytes * 9 / 8 + 64 <= _store.Tables.LimitBytes;

    private void StepKeys()
    {
        bool publishes = _store.IsPrimary && _store.Publisher.HasRoom(StepHandles * 64);
        var filter = new DueFilter(publishes ? _store.NowMilliseconds : 0, CollectableThrough);
        int found = _store.Tables.Keys.Sweep(ref _keysCursor, SlotsPerStep, ref filter, _handles);
        for (int i = 0; i < found; i++)
        {
            if (_store.Tables.Keys.View(_handles[i]).Header.Tombstone)
            {
                _store.Tables.RemoveKey(_handles[i]);
            }
            else if (_store.Publisher.HasRoom(_store.Limits.MaxKeyBytes))
            {
                _store.Bury(_handles[i]);
                Expirations++;
            }
        }
        _seesFields = _keysCursor == 0;
    }

    private void StepFields()
    {
        var filter = new DueFilter(0, CollectableThrough);
        int found = _store.Tables.Fields.Sweep(ref _fieldsCursor, SlotsPerStep, ref filter, _handles);
        for (int i = 0; i < found; i++) _store.Tables.RemoveField(_handles[i]);
        _seesFields = _fieldsCursor != 0;
    }

    // A deleted hash's fields must be gone before its tombstone goes: a snapshot could otherwise bring them to a member that has no head to judge them by.
    private RecordVersion CollectableThrough => _store.Tables.HasChains || IsCollectionPaused ? RecordVersion.None : Floor;

    private void ForceFloor()
    {
        ForcedFloors++;
        RaiseFloor(_store.Publisher.Last);
        _store.Tables.Purge(PurgePerStep);
        for (int i = 0; i < 8; i++) Step();
    }

    private bool EvictOldest(RecordClass recordClass)
    {
        if (_store.Tables.Keys.UsageOf(0, recordClass) is { } usage && usage.Records == usage.Tombstones) return false;
        var filter = new ClassFilter(recordClass);
        ulong cursor = 0;
        StateTable keys = _store.Tables.Keys;
        int found = keys.Count <= SlotsPerStep
            ? keys.Sweep(ref cursor, SlotsPerStep * 2, ref filter, _handles)
            : keys.Sample(NextRandom(), SlotsPerStep, ref filter, _handles.AsSpan(0, EvictionCandidates));
        uint oldest = 0;
        ulong oldestVersion = ulong.MaxValue;
        for (int i = 0; i < found; i++)
        {
            RecordView view = keys.View(_handles[i]);
            ulong version = view.Header.Kind == RecordKind.Hash ? RecordTables.NewestChangeOf(view) : view.Header.Version;
            if (version >= oldestVersion) continue;
            oldestVersion = version;
            oldest = _handles[i];
        }
        if (oldest == 0) return false;
        _store.Bury(oldest);
        _store.Tables.Purge(PurgePerStep);
        _evictions[(int)recordClass]++;
        return true;
    }

    // xorshift64: quality does not matter here, determinism does.
    private ulong NextRandom()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return _random;
    }

    private readonly struct DueFilter(long nowMilliseconds, RecordVersion floor) : IRecordFilter
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Wants(in RecordHeader header)
        {
            if (header.Tombstone) return header.Version <= floor.Value;
            return header.ExpiryMilliseconds != 0 && header.ExpiryMilliseconds <= nowMilliseconds && header.Local != LocalFlags.Placeholder;
        }
    }

    private readonly struct ClassFilter(RecordClass recordClass) : IRecordFilter
    {
        public bool Wants(in RecordHeader header) => header.Class == recordClass && !RecordTables.IsHidden(header);
    }
}

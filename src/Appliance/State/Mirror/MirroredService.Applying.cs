using Appliance.Multicast;

namespace Appliance.State;

/// <content>Records that come by the stream or from a snapshot, and cuts.</content>
internal sealed partial class MirroredService
{
    private const string TooLittleMemory = "the memory limit does not allow what the service holds ([node] memory-limit)";

    /// <summary>Starts to load what a record will need.</summary>
    /// <returns>The hash of its key.</returns>
    internal ulong Prefetch(scoped in EncodedRecord record)
    {
        StateTable table = record.Kind == RecordKind.HashField ? Store.Tables.Fields : Store.Tables.Keys;
        ulong hash = table.Hash(record.Key);
        table.PrefetchBucket(hash);
        return hash;
    }

    /// <summary>The second stage of <see cref="Prefetch"/>.</summary>
    internal void PrefetchRecords(ReadOnlySpan<ulong> hashes)
    {
        foreach (ulong hash in hashes) Store.Tables.Keys.PrefetchRecord(hash);
    }

    /// <summary>Applies a record of the stream.</summary>
    internal void Apply(GroupMember sender, scoped in EncodedRecord record, ulong hash, bool endsBatch)
    {
        RecordVersion version = record.Version;
        if (version.Term != _acceptedTerm || sender.Node != _writer)
        {
            if (version.Term != _acceptedTerm) OnOtherTerm(version);
            else if (_writer == NodeId.None) _writer = sender.Node;
            else _counters.ForeignWriter++;
            if (sender.Node != _writer || version.Term != _acceptedTerm) return;
        }
        RecordVersion position = _batchPosition > Position ? _batchPosition : Position;
        if (version > position)
        {
            switch (Store.Tables.Merge(record, hash, LocalFlags.None))
            {
                case MergeOutcome.Applied: _counters.Applied++; break;
                case MergeOutcome.Stale: _counters.Stale++; break;
                case MergeOutcome.Dead: _counters.DeadFields++; break;
                default:
                    OnCannotStore();
                    return;
            }
            Highest = RecordVersion.Max(Highest, version);
            if (version.Value == position.Value + 1) _batchPosition = version;
            else NoteBeyondHole(version);
        }
        else
        {
            _counters.Stale++;
        }
        if (endsBatch && _batchPosition > Position) Position = _batchPosition;
    }

    /// <summary>Applies a cut that came by the stream.</summary>
    internal void ApplyCut(GroupMember sender, TermChain chain)
    {
        if (chain.CurrentTerm <= Chain.CurrentTerm || chain.CurrentTerm < PromisedTerm)
        {
            _counters.LowerTerm++;
            return;
        }
        _counters.Cuts++;
        if (Role != ServiceRole.Secondary) GiveWay(chain.CurrentTerm, sender);
        var first = new RecordVersion(chain.CurrentTerm, 1);
        bool follows = chain.IsNext(Position, first) && Chain.CurrentTerm != 0;
        AdoptChain(chain);
        _writer = sender.Node;
        Highest = RecordVersion.Max(Highest, first);
        if (follows && !NeedsDiscard) Position = first;
        else NoteBeyondHole(first);
        SetPrimary(sender.Name);
        Resync.Poke(_mirror.Group.Now);
    }

    /// <summary>Takes a record of a snapshot.</summary>
    /// <returns>False when memory does not suffice.</returns>
    internal bool MergeFromSnapshot(scoped in EncodedRecord record, ulong hash, LocalFlags flags)
    {
        if (!Chain.Covers(record.Version))
        {
            _counters.LowerTerm++;
            return true;
        }
        _counters.SnapshotRecords++;
        Highest = RecordVersion.Max(Highest, record.Version);
        if (Store.Tables.Merge(record, hash, flags) != MergeOutcome.Full) return true;
        OnCannotStore();
        return false;
    }

    /// <summary>A chunk of a snapshot cannot be read.</summary>
    internal bool OnMalformedChunk()
    {
        _counters.Malformed++;
        return false;
    }

    /// <summary>A snapshot has brought everything up to a version.</summary>
    internal void OnFetchedThrough(RecordVersion through)
    {
        RecordVersion reached = RecordVersion.Max(Position, Chain.Clamp(through));
        if (_liveFrom != default && (_liveFrom <= reached || Chain.IsNext(reached, _liveFrom))) reached = RecordVersion.Max(reached, _liveThrough);
        Position = reached;
        CannotStore = false;
    }

    private void OnOtherTerm(RecordVersion version)
    {
        if (version.Term < Chain.CurrentTerm || version.Term < PromisedTerm)
        {
            _counters.LowerTerm++;
            if (version.Term == Chain.CurrentTerm && version > Position && IsComplete) MarkIncomplete($"a write of term {version.Term} was refused, because term {PromisedTerm} begins");
            return;
        }
        _counters.UnknownTerm++;
        SeenTerm = Math.Max(SeenTerm, version.Term);
        if (IsComplete || Why.Length == 0) MarkIncomplete($"term {version.Term} has begun and its cut was not seen");
    }

    private void OnCannotStore()
    {
        _counters.CouldNotStore++;
        _batchPosition = default; // a batch that is not here in full does not count
        if (CannotStore) return;
        CannotStore = true;
        if (!IsComplete) _mirror.Log(MirrorEvent.NotSynchronised, $"service {Name}: cannot be synchronised: {TooLittleMemory}");
        MarkIncomplete(TooLittleMemory);
    }

    private void NoteBeyondHole(RecordVersion version)
    {
        bool extends = _liveThrough != default && version.Value == _liveThrough.Value + 1;
        if (!extends) _liveFrom = version;
        _liveThrough = version;
        if (extends || !IsComplete) return; // while a snapshot is fetched, the live run tells by itself when the hole is closed
        _counters.Holes++;
        MarkIncomplete($"writes after {Position} and before {version} are missing");
    }
}

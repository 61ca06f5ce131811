using System.Buffers.Binary;
using Appliance.Multicast;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Nodes;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>The group as a mirror sees it; whatever the mirror publishes is told to the oracle first.</summary>
internal sealed class ObservedGroup : IGroup
{
    private const byte RecordType = 1, CutType = 2;
    private readonly SimulatedNode _node;
    private readonly MirrorLife _life;
    private readonly MirrorWorld _world;
    private ulong _newest;

    internal ObservedGroup(SimulatedNode node, MirrorLife life, MirrorWorld world) => (_node, _life, _world) = (node, life, world);

    /// <summary>A client's operation is under way: what is written is what it asked for.</summary>
    internal bool InOperation { get; set; }

    /// <inheritdoc/>
    public NodeId Self => _node.Self;

    /// <inheritdoc/>
    public string Name => _node.Name;

    /// <inheritdoc/>
    public ulong Incarnation => _node.Incarnation;

    /// <inheritdoc/>
    public Timestamp Now => _node.Now;

    /// <inheritdoc/>
    public long WallMilliseconds => _node.WallMilliseconds;

    /// <inheritdoc/>
    public IReadOnlyList<GroupMember> Members => _node.Members;

    /// <inheritdoc/>
    public int MaxMessageBytes => _node.MaxMessageBytes;

    /// <inheritdoc/>
    public long PublishableBytes => _node.PublishableBytes;

    /// <inheritdoc/>
    public ulong PublishedThrough => _node.PublishedThrough;

    /// <inheritdoc/>
    public bool TryPublish(ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence)
    {
        Observe(message, (options & PublishOptions.BatchContinues) == 0);
        return _node.TryPublish(message, options, out sequence);
    }

    /// <inheritdoc/>
    public void Flush() => _node.Flush();

    /// <inheritdoc/>
    public bool IsRefused => ((IGroup)_node).IsRefused;

    /// <inheritdoc/>
    public void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) => _node.PublishBeatExtension(extension, validUntil, hurry);

    /// <inheritdoc/>
    public void DeclareSynchronised(bool synchronised)
    {
        _world.Trace.Event(_world.Time, _node.Index, synchronised ? "is synchronised" : "is no longer synchronised");
        _node.DeclareSynchronised(synchronised);
    }

    // A message that the window refuses is published again later: it is written once.
    private void Observe(ReadOnlySpan<byte> message, bool endsBatch)
    {
        if (message[0] is not (RecordType or CutType)) return;
        ulong version = BinaryPrimitives.ReadUInt64BigEndian(message[8..]);
        if (version <= _newest) return;
        _newest = version;
        _world.Totals.Publishes++;
        if (message[0] == CutType)
        {
            TermHistory term = _world.History.AddCut(_life, message);
            _life.KnownTerm = term.Number;
            if (_life.ReportedLoss) _world.History.NoteMissing(term, ((MirrorApplication)_node.Application).Service.Store.Tables);
            _world.Trace.Event(_world.Time, _node.Index, $"begins term {term.Number} after {string.Join(' ', term.Endings)}");
            _world.Promises.OnCut(_life, term);
            if (term.Endings.Count > 0 && !_life.ReportedLoss) _world.MirrorTotals.SafeRecoveries++;
            return;
        }
        Write write = _world.History.AddRecord(_life, message, endsBatch);
        _world.Trace.Traffic(_world.Time, _node.Index, "writes version, key, field", (long)version, write.Key, write.Field);
        if (!InOperation) CheckExpired(write);
    }

    private void CheckExpired(Write write)
    {
        Write? before = write.Field < 0 ? _world.History.KeyAt(write.Key, write.Version - 1) : null;
        bool expired = write.IsTombstone && before is { IsTombstone: false, Expiry: > 0 } && before.Expiry <= _node.WallMilliseconds;
        if (!expired) throw new InvariantViolation($"{_life} wrote {write} although nobody asked for it and {before?.ToString() ?? "nothing"} has not expired at {_node.WallMilliseconds}");
        _world.MirrorTotals.Expired++;
    }
}

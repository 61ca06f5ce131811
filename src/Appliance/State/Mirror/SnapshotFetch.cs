using Appliance.Multicast;

namespace Appliance.State;

/// <summary>Fetches from one member: first the records of the keys that are owed (<see cref="Debt"/>), then everything or what changed since a version; a whole snapshot replaces what it does not contain.</summary>
internal sealed class SnapshotFetch : ISyncChannelHandler
{
    private const int RequestBytes = 48 * 1024;
    private readonly MirroredService _service;
    private readonly MirrorCounters _counters;
    private readonly ISyncChannel _channel;
    private readonly List<byte[]> _keys;
    private readonly RecordVersion _since;
    private readonly bool _isWhole, _fromAnyone;
    private readonly ulong _chainEpoch;
    private int _keysAsked;
    private TableWalk? _walk;
    private Stage _stage;

    /// <param name="transport">Channels.</param>
    /// <param name="service">Into which.</param>
    /// <param name="counters">Counts.</param>
    /// <param name="server">From whom.</param>
    /// <param name="since">Only what is newer; <see cref="RecordVersion.None"/> for everything.</param>
    /// <param name="fromAnyone">Also from a member that is not complete.</param>
    /// <param name="now">The time.</param>
    internal SnapshotFetch(
        ISyncTransport transport, MirroredService service, MirrorCounters counters, GroupMember server, RecordVersion since, bool fromAnyone, Timestamp now)
    {
        _service = service;
        _counters = counters;
        _keys = service.Debt.Keys;
        _since = since;
        _isWhole = since == RecordVersion.None;
        _fromAnyone = fromAnyone;
        _chainEpoch = service.ChainEpoch;
        Server = server;
        LastHeard = Now = now;
        _channel = transport.Open(server, this);
        _stage = Stage.Unmark;
        bool holdsSomething = service.Store.Tables.Keys.Count > 0 || service.Store.Tables.Fields.Count > 0;
        if (_isWhole && holdsSomething) _walk = new UnmarkWalk(service.Store.Tables);
        else Request();
    }

    private enum Stage
    {
        Unmark,
        Keys,
        Snapshot,
        Replace,
        Done,
        Failed,
    }

    /// <summary>The serving member.</summary>
    internal GroupMember Server { get; }

    /// <summary>When it last sent something.</summary>
    internal Timestamp LastHeard { get; private set; }

    /// <summary>The time, told by the owner before messages arrive.</summary>
    internal Timestamp Now { get; set; }

    /// <summary>Everything is here.</summary>
    internal bool IsDone => _stage == Stage.Done;

    /// <summary>It broke off.</summary>
    internal bool HasFailed => _stage == Stage.Failed;

    /// <summary>The server has forgotten tombstones that a delta needs.</summary>
    internal bool IsBelowFloor { get; private set; }

    /// <summary>The server's position, highest version and floor when it began.</summary>
    internal SyncMark Begin { get; private set; }

    /// <summary>The same when it ended.</summary>
    internal SyncMark End { get; private set; }

    /// <summary>Goes on with work on the tables.</summary>
    internal void Step(Timestamp now)
    {
        Now = now;
        if (_walk is null || !_walk.Step()) return;
        if (_stage == Stage.Unmark)
        {
            _walk = null;
            LastHeard = now;
            Request();
        }
        else
        {
            _counters.Replaced += _walk.Found;
            Finish();
        }
    }

    /// <summary>Whether <see cref="Step"/> has work.</summary>
    internal bool HasWork => _walk is not null;

    /// <summary>Gives up.</summary>
    internal void Cancel()
    {
        if (_stage is Stage.Done or Stage.Failed) return;
        _channel.Close();
        _stage = Stage.Failed;
    }

    /// <inheritdoc/>
    public void OnMessage(ISyncChannel channel, ReadOnlySpan<byte> message)
    {
        LastHeard = Now;
        if (message.IsEmpty || _chainEpoch != _service.ChainEpoch || !Handle(message)) Fail();
    }

    /// <inheritdoc/>
    public void OnClosed(ISyncChannel channel)
    {
        if (_stage is Stage.Done or Stage.Failed or Stage.Replace) return;
        _stage = Stage.Failed;
        _counters.BrokenSnapshots++;
    }

    private bool Handle(ReadOnlySpan<byte> message)
    {
        if (message[0] == (byte)SyncMessageType.Records)
        {
            bool isOurs = SyncRecords.TryParse(message, out ServiceId service, out ReadOnlySpan<byte> records) && service == _service.Id;
            return isOurs && RecordApplier.ApplyChunk(records, _service, _isWhole ? LocalFlags.InSnapshot : LocalFlags.None);
        }
        if (!SyncMark.TryParse(message, out SyncMark mark) || mark.Service != _service.Id) return false;
        switch (mark.Type)
        {
            case SyncMessageType.SnapshotBegin when _stage == Stage.Snapshot:
                Begin = mark;
                if (_isWhole)
                {
                    _service.Store.Tables.Keys.Reserve(mark.Keys);
                    _service.Store.Tables.Fields.Reserve(mark.Fields);
                }
                return true;
            case SyncMessageType.KeysEnd when _stage == Stage.Keys:
                _counters.KeysFetchedAgain += _keysAsked;
                _keys.RemoveRange(0, _keysAsked);
                Request();
                return true;
            case SyncMessageType.SnapshotEnd when _stage == Stage.Snapshot && Begin.Type != 0:
                End = mark;
                if (!_isWhole)
                {
                    Finish();
                    return true;
                }
                _stage = Stage.Replace;
                _walk = new ReplaceWalk(_service.Store.Tables, Begin.Position);
                return true;
            case SyncMessageType.Refused:
                IsBelowFloor = mark.Reason == SyncRefusal.BelowFloor;
                return false;
            default:
                return false;
        }
    }

    private void Request()
    {
        byte[] request = new byte[RequestBytes + KeysRequest.HeaderBytes];
        if (_keys.Count > 0 && !_isWhole)
        {
            _stage = Stage.Keys;
            ReadOnlySpan<byte[]> keys = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_keys);
            int bytes = KeysRequest.Write(request, _service.Id, keys, _fromAnyone, out _keysAsked);
            _channel.Send(request.AsSpan(0, bytes));
            return;
        }
        _stage = Stage.Snapshot;
        _channel.Send(request.AsSpan(0, SnapshotRequest.Write(request, _service.Id, _since, _fromAnyone)));
    }

    private void Finish()
    {
        _channel.Close();
        _walk = null;
        _stage = Stage.Done;
        if (_isWhole) _counters.FullSnapshots++;
        else _counters.DeltaSnapshots++;
        _service.Store.Memory.RaiseFloor(End.Floor);
        if (_isWhole) _service.Debt.Clear();
        _service.OnFetchedThrough(Begin.Position);
    }

    private void Fail()
    {
        if (_stage is Stage.Done or Stage.Failed) return;
        _channel.Close();
        _stage = Stage.Failed;
        _counters.BrokenSnapshots++;
    }
}

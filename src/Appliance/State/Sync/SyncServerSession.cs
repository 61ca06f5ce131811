namespace Appliance.State;

/// <summary>
/// The serving end of a channel: takes requests, produces messages. Free of I/O. Runs on a thread of its own in the product, because it reads the tables without locks;
/// one thread at a time.
/// </summary>
/// <remarks>
/// Records are sent as they stand at the moment the walk comes past, so a snapshot is no picture of one instant. That is enough: whoever receives it has the
/// stream as well, and the newer version wins in any order (ARCHITECTURE 4). The position in <see cref="SyncMessageType.SnapshotBegin"/> is taken before the walk.
/// </remarks>
internal sealed class SyncServerSession
{
    private readonly IReadOnlyList<SharedServiceState> _services;
    private readonly Queue<byte[]> _requests = new();
    private readonly HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> _keys;
    private byte[] _scan = [];
    private int _scanFilled, _scanRead;
    private SharedServiceState? _service;
    private Walk _walk;
    private ulong _cursor;
    private RecordVersion _since;
    private bool _byKeys;
    private RecordVersion _floorAtBegin;

    /// <param name="services">The services of this node.</param>
    internal SyncServerSession(IReadOnlyList<SharedServiceState> services)
    {
        _services = services;
        _keys = new HashSet<byte[]>(KeyComparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    private enum Walk
    {
        Idle,
        Begin,
        Keys,
        Fields,
        End,
    }

    /// <summary>Requests that may wait; a peer that asks for more at once is cut off.</summary>
    internal const int MaxWaitingRequests = 16;

    /// <summary>Largest message that <see cref="Produce"/> writes: the size that its buffer must have.</summary>
    internal int MaxMessageBytes
    {
        get
        {
            int largest = SyncMark.Bytes;
            foreach (SharedServiceState service in _services) largest = Math.Max(largest, SyncHeader.Bytes + SyncRecords.TargetBytes + service.MaxRecordBytes);
            return largest;
        }
    }

    /// <summary>Records sent so far.</summary>
    internal long RecordsSent { get; private set; }

    /// <summary>Takes a request.</summary>
    /// <returns>False when it makes no sense: close the channel.</returns>
    internal bool OnRequest(ReadOnlySpan<byte> message)
    {
        if (message.IsEmpty || _requests.Count >= MaxWaitingRequests) return false;
        bool isKnown = (SyncMessageType)message[0] switch
        {
            SyncMessageType.SnapshotRequest => SnapshotRequest.TryParse(message, out _, out _, out _),
            SyncMessageType.KeysRequest => KeysRequest.TryParse(message, out _, out _, out _),
            _ => false,
        };
        if (isKnown) _requests.Enqueue(message.ToArray());
        return isKnown;
    }

    /// <summary>Writes the next message.</summary>
    /// <param name="buffer">At least <see cref="MaxMessageBytes"/>.</param>
    /// <returns>Its bytes; 0 when there is nothing to send until the next request.</returns>
    internal int Produce(Span<byte> buffer)
    {
        while (true)
        {
            if (_walk == Walk.Idle)
            {
                if (!_requests.TryDequeue(out byte[]? request)) return 0;
                int answer = Answer(request, buffer);
                if (answer > 0) return answer;
            }
            else
            {
                int written = Continue(buffer);
                if (written > 0) return written;
            }
        }
    }

    private int Answer(byte[] request, Span<byte> buffer)
    {
        switch ((SyncMessageType)request[0])
        {
            case SyncMessageType.SnapshotRequest:
                SnapshotRequest.TryParse(request, out ServiceId id, out _since, out bool fromAnyone);
                _byKeys = false;
                return Begin(id, fromAnyone, buffer);
            default:
                KeysRequest.TryParse(request, out id, out byte[][] keys, out fromAnyone);
                _keys.Set.Clear();
                foreach (byte[] key in keys) _keys.Set.Add(key);
                _byKeys = true;
                _since = RecordVersion.None;
                return Begin(id, fromAnyone, buffer);
        }
    }

    private int Begin(ServiceId id, bool fromAnyone, Span<byte> buffer)
    {
        _service = _services.FirstOrDefault(service => service.Service == id);
        SyncRefusal refusal = SyncRefusal.None;
        if (_service is null) refusal = SyncRefusal.UnknownService;
        else if (!fromAnyone && !_service.IsComplete) refusal = SyncRefusal.NotComplete;
        else if (_since != RecordVersion.None && _since < _service.Floor) refusal = SyncRefusal.BelowFloor;
        if (refusal != SyncRefusal.None) return new SyncMark(SyncMessageType.Refused, refusal, id, default, default, default).Write(buffer);
        int scanBytes = SyncRecords.TargetBytes + ScanCopyReader.FramingBytes + _service!.MaxRecordBytes;
        if (_scan.Length < scanBytes) _scan = new byte[scanBytes];
        _scanFilled = _scanRead = 0;
        _cursor = 0;
        _floorAtBegin = _service.Floor;
        _walk = _byKeys ? Walk.Keys : Walk.Begin;
        return 0;
    }

    private int Continue(Span<byte> buffer)
    {
        switch (_walk)
        {
            case Walk.Begin:
                _walk = Walk.Keys;
                return Mark(SyncMessageType.SnapshotBegin).Write(buffer);
            case Walk.End when _scanRead == _scanFilled:
                // A tombstone that was forgotten during the walk may not have been sent, and a delta then lacks a deletion.
                _walk = Walk.Idle;
                bool lost = !_byKeys && _since != RecordVersion.None && _since < _service!.Floor;
                if (lost) return (Mark(SyncMessageType.Refused) with { Reason = SyncRefusal.BelowFloor }).Write(buffer);
                return Mark(_byKeys ? SyncMessageType.KeysEnd : SyncMessageType.SnapshotEnd).Write(buffer);
            default:
                return WriteChunk(buffer);
        }
    }

    private SyncMark Mark(SyncMessageType type) => new(type, SyncRefusal.None, _service!.Service, _service.Position, _service.Highest, RecordVersion.Max(_floorAtBegin, _service.Floor))
    {
        Keys = (uint)Math.Min(uint.MaxValue, _service.Tables.Keys.Count),
        Fields = (uint)Math.Min(uint.MaxValue, _service.Tables.Fields.Count),
    };

    private int WriteChunk(Span<byte> buffer)
    {
        SyncHeader.Write(buffer, SyncMessageType.Records, 0, _service!.Service);
        int written = SyncHeader.Bytes;
        while (written < SyncRecords.TargetBytes)
        {
            if (_scanRead == _scanFilled && !Scan()) break;
            var reader = new ScanCopyReader(_scan.AsSpan(_scanRead, _scanFilled - _scanRead));
            while (written < SyncRecords.TargetBytes && reader.MoveNext())
            {
                _scanRead += ScanCopyReader.FramingBytes + reader.Key.Length + reader.Value.Length;
                if (!Wants(reader.Header, reader.Key)) continue;
                written += WriteRecord(buffer[written..], reader.Header, reader.Key, reader.Value);
                RecordsSent++;
            }
        }
        return written == SyncHeader.Bytes ? 0 : written;
    }

    // False when the walk over both tables is over.
    private bool Scan()
    {
        while (_walk is Walk.Keys or Walk.Fields)
        {
            StateTable table = _walk == Walk.Keys ? _service!.Tables.Keys : _service!.Tables.Fields;
            _scanRead = 0;
            _scanFilled = table.WalkCopy(ref _cursor, _scan, out _);
            if (_cursor == 0) _walk = _walk == Walk.Keys ? Walk.Fields : Walk.End;
            if (_scanFilled > 0) return true;
        }
        return false;
    }

    private bool Wants(in RecordHeader header, ReadOnlySpan<byte> key)
    {
        if ((header.Local & LocalFlags.Placeholder) != 0 || header.Version <= _since.Value) return false;
        if (!_byKeys) return true;
        if (header.Kind != RecordKind.HashField) return _keys.Contains(key);
        return HashFieldKey.TryParse(key, out HashFieldKey name) && _keys.Contains(name.Key);
    }

    private int WriteRecord(Span<byte> destination, in RecordHeader header, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => RecordCodec.Write(
        destination,
        _service!.Service,
        header.Kind,
        header.Class,
        header.Tombstone,
        new RecordVersion(header.Version),
        header.ExpiryMilliseconds,
        key,
        header is { Kind: RecordKind.Hash, Tombstone: false } ? value[..RecordCodec.GenerationBytes] : value);
}

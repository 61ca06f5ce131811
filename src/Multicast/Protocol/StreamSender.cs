using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>
/// This node's stream: packs messages into datagrams inside the repair window, seals them there, sends them from there. Rules P-20 to P-28, P-60 and P-70.
/// </summary>
internal sealed class StreamSender : IDisposable
{
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly DatagramRing _ring;
    private readonly ushort[] _lengths;
    private readonly ulong[] _repairedFor;                 // ordinals of the members the newest repair went to
    private readonly long[] _repairedAt;
    private readonly int _reserveDatagrams;
    private TokenBucket _pacing;
    private ulong _open = 1;                               // the sequence being filled
    private int _used;                                     // body bytes in it
    private int _limit;                                    // bytes it may get; less than the payload once it must be closed
    private DatagramFlags _openFlags = DatagramFlags.RunStarts;
    private Timestamp _openedAt;
    private bool _inBatch;
    private long _batchBytes;
    private ulong _runStart = 1;
    private bool _refused;
    private ulong _unsealedThrough;                        // nobody was there to receive them (P-29)

    public StreamSender(EngineContext context, PeerTable peers)
    {
        _context = context;
        _peers = peers;
        var options = context.Options;
        _reserveDatagrams = (options.MaxMessageBytes + MessageRun.FrameHeaderBytes + context.PayloadBytes - 1) / context.PayloadBytes + 2;
        int capacity = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)(options.WindowDatagrams + _reserveDatagrams + options.RunDatagrams));
        _ring = new DatagramRing(capacity, context.DataBytes);
        _lengths = new ushort[capacity];
        _repairedFor = new ulong[capacity];
        _repairedAt = new long[capacity];
        _limit = context.PayloadBytes;
        _pacing = new TokenBucket(options.PacingBytesPerSecond, Math.Max((long)options.RunDatagrams * options.DatagramBytes, options.PacingBytesPerSecond / 1000));
    }

    /// <summary>The newest sequence that is sealed.</summary>
    public ulong Sealed => _open - 1;

    /// <summary>The newest sequence that was sent.</summary>
    public ulong Sent { get; private set; }

    /// <summary>The newest sequence with which a run is complete.</summary>
    public ulong Complete { get; private set; }

    /// <summary>The oldest sequence that can still be repaired (P-63).</summary>
    public ulong Oldest => Math.Max(_unsealedThrough + 1, _open < (ulong)_ring.Capacity ? 1 : _open - (ulong)_ring.Capacity + 1);

    /// <summary>Where a receiver may begin: never inside a run (P-36).</summary>
    public ulong Position => _inBatch || (_used > 0 && (_openFlags & DatagramFlags.RunStarts) == 0) ? _runStart : _open;

    /// <summary>When DATA was sent last.</summary>
    public Timestamp LastSentAt { get; private set; }

    /// <summary>Datagrams that may be sent: the smallest window of the members waited for.</summary>
    public ulong FlowLimit { get; set; } = ulong.MaxValue;

    /// <summary>Received by every member that is waited for; <see cref="ulong.MaxValue"/>: nobody is.</summary>
    public ulong Stable { get; set; } = ulong.MaxValue;

    /// <summary>Something waits for the windows of the members.</summary>
    public bool IsBlocked => (Sealed > Sent && FlowLimit <= Sent) || (_refused && !HasRoom);

    /// <summary>When a packed message must leave, or pacing allows the next datagram.</summary>
    public Timestamp Deadline
    {
        get
        {
            var deadline = _used > 0 && !_inBatch ? _openedAt + _context.Options.FlushDelay : Timestamp.Never;
            return Sealed > Sent && FlowLimit > Sent ? Timestamp.Min(deadline, _pacing.ReadyAt) : deadline;
        }
    }

    public long PublishableBytes => Math.Max(0, Math.Min(_context.Options.WindowDatagrams - Unstable, _context.Options.BacklogDatagrams - (long)(Sealed - Sent))) * _context.PayloadBytes;
    public long MemoryBytes => _ring.MemoryBytes;

    private long Unstable => (long)(Sealed - Math.Min(Stable, Sent));
    private bool HasRoom => Unstable < _context.Options.WindowDatagrams && (long)(Sealed - Sent) < _context.Options.BacklogDatagrams;

    /// <summary>Appends a message.</summary>
    public bool TryPublish<TSink>(Timestamp now, ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        int frameBytes = message.Length + MessageRun.FrameHeaderBytes;
        bool continues = (options & PublishOptions.BatchContinues) != 0;
        if (_used == 0 || _inBatch || continues || frameBytes > _limit - _used)
        {
            if (!TryMakeRoom(now, message.Length, continues, ref sink))
            {
                sequence = 0;
                return false;
            }
            if (frameBytes > _limit - _used)
            {
                AppendAcross(now, message, options, ref sink);
                sequence = _open;
                return true;
            }
        }
        var body = _ring[_open].Slice(DatagramHeader.Bytes + _used, frameBytes);
        MessageRun.WriteHeader(body, message.Length, continues);
        message.CopyTo(body[MessageRun.FrameHeaderBytes..]);
        _used += frameBytes;
        OnAppended(message.Length, options);
        sequence = _open;
        return true;
    }

    /// <summary>Closes the open datagram, as short as it is, and sends what the windows allow (P-22).</summary>
    public void Flush<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (_used > 0 && !_inBatch) Close(padded: false);
        if (Sealed > Sent) Pump(now, ref sink);
    }

    /// <summary>Sends sealed datagrams as far as flow window and pacing allow (P-70, P-76).</summary>
    public void Pump<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        _pacing.Refill(now);
        if (Sent < _unsealedThrough) (Sent, LastSentAt) = (_unsealedThrough, now);
        while (Sent < Sealed)
        {
            if (FlowLimit <= Sent)
            {
                _context.Counters.WindowBlocked++;
                return;
            }
            if (!TrySendRun(now, ref sink)) return;
        }
    }

    /// <summary>Publishing was refused and would succeed now, with some room behind it; true once.</summary>
    public bool TakeReopened()
    {
        var options = _context.Options;
        if (!_refused || !HasRoom || Unstable > options.WindowDatagrams * 3L / 4 || (long)(Sealed - Sent) > options.BacklogDatagrams * 3L / 4) return false;
        _refused = false;
        return true;
    }

    /// <summary>A datagram that was sent and is still held.</summary>
    public bool TryGetSent(ulong sequence, out ReadOnlySpan<byte> datagram)
    {
        datagram = default;
        if (sequence > Sent || sequence < Oldest) return false;
        datagram = _ring[sequence][.._lengths[_ring.IndexOf(sequence)]];
        return true;
    }

    /// <summary>Whether a repair went to one of these members less than <paramref name="holdOff"/> ago; if not, notes that it does now (P-61).</summary>
    public bool TryClaimRepair(Timestamp now, ulong sequence, ulong members, ulong asker, TimeSpan holdOff)
    {
        int index = _ring.IndexOf(sequence);
        bool fresh = now.Nanoseconds - _repairedAt[index] < holdOff.Ticks * 100;
        if (fresh && (_repairedFor[index] & asker) != 0) return false;
        _repairedFor[index] = fresh ? _repairedFor[index] | members : members;
        _repairedAt[index] = now.Nanoseconds;
        return true;
    }

    /// <summary>Whether a repair went to one of these members before.</summary>
    public bool WasRepairedFor(ulong sequence, ulong members) => (_repairedFor[_ring.IndexOf(sequence)] & members) != 0;

    public void Dispose() => _ring.Dispose();

    private bool TryMakeRoom<TSink>(Timestamp now, int messageBytes, bool continues, ref TSink sink) where TSink : struct, IEngineSink
    {
        int frameBytes = messageBytes + MessageRun.FrameHeaderBytes;
        if ((_inBatch ? _batchBytes : 0) + frameBytes > _context.Options.MaxMessageBytes + MessageRun.FrameHeaderBytes) ThrowTooLong(messageBytes);
        if (_inBatch) return true;                         // what has begun ends: the reserve holds the largest batch (P-26)
        bool fits = _used > 0 && frameBytes <= _limit - _used;
        if ((!fits || continues) && !HasRoom)
        {
            _refused = true;
            _context.Counters.PublishRefusals++;
            return false;
        }
        if (fits) return true;
        if (_used > 0)
        {
            Close(padded: true);
            PumpFullRuns(now, ref sink);
        }
        Open(now);
        return true;
    }

    private void AppendAcross<TSink>(Timestamp now, ReadOnlySpan<byte> message, PublishOptions options, ref TSink sink) where TSink : struct, IEngineSink
    {
        Span<byte> header = stackalloc byte[MessageRun.FrameHeaderBytes];
        MessageRun.WriteHeader(header, message.Length, (options & PublishOptions.BatchContinues) != 0);
        AppendBytes(now, header, ref sink);
        AppendBytes(now, message, ref sink);
        OnAppended(message.Length, options);
    }

    private void AppendBytes<TSink>(Timestamp now, ReadOnlySpan<byte> bytes, ref TSink sink) where TSink : struct, IEngineSink
    {
        while (!bytes.IsEmpty)
        {
            if (_used == _context.PayloadBytes)
            {
                Seal(padded: true, endsRun: false);
                PumpFullRuns(now, ref sink);
                Open(now);
            }
            int length = Math.Min(bytes.Length, _context.PayloadBytes - _used);
            bytes[..length].CopyTo(_ring[_open][(DatagramHeader.Bytes + _used)..]);
            _used += length;
            bytes = bytes[length..];
        }
    }

    private void OnAppended(int messageBytes, PublishOptions options)
    {
        _context.Counters.MessagesPublished++;
        _context.Counters.BytesPublished += messageBytes;
        if ((options & PublishOptions.AcknowledgeNow) != 0) _openFlags |= DatagramFlags.AcknowledgeNow;
        if ((options & PublishOptions.BatchContinues) != 0)
        {
            _batchBytes += messageBytes + MessageRun.FrameHeaderBytes;
            _inBatch = true;
            return;
        }
        _inBatch = false;
        _batchBytes = 0;
        // A run that came over several datagrams ends here, so that runs stay bounded: P-25.
        if ((_openFlags & DatagramFlags.RunStarts) == 0) _limit = _used;
    }

    private void Open(Timestamp now)
    {
        _used = 0;
        _limit = _context.PayloadBytes;
        _openedAt = now;
        _repairedFor[_ring.IndexOf(_open)] = 0;
        if ((_openFlags & DatagramFlags.RunStarts) != 0) _runStart = _open;
    }

    private void Close(bool padded) => Seal(padded, endsRun: true);

    private void Seal(bool padded, bool endsRun)
    {
        if (!_peers.HasMetAny)
        {
            Number(endsRun);
            _unsealedThrough = _open - 1;
            return;
        }
        var cipher = _context.Keys.Sealing;
        var flags = _openFlags | (endsRun ? DatagramFlags.RunEnds : 0) | (cipher is null ? 0 : DatagramFlags.Sealed);
        var slot = _ring[_open];
        int tag = cipher is null ? 0 : DatagramHeader.TagBytes;
        if (padded && _used < _context.PayloadBytes)
        {
            slot[(DatagramHeader.Bytes + _used)..^tag].Clear();
            _context.Counters.PaddingBytesSent += _context.PayloadBytes - _used;
        }
        int length = padded ? slot.Length : DatagramHeader.Bytes + _used + tag;
        DatagramHeader.Write(slot, _context.WireVersion, DatagramType.Data, flags, _context.Group, _context.Self, _context.Identity.Incarnation, _open,
            cipher?.KeyId ?? 0, _used);
        cipher?.Seal(slot[..length], DatagramHeader.Bytes);
        _lengths[_ring.IndexOf(_open)] = (ushort)length;
        Number(endsRun);
    }

    private void Number(bool endsRun)
    {
        if (endsRun) Complete = _open;
        _open++;
        _used = 0;
        _limit = _context.PayloadBytes;
        _openFlags = endsRun ? DatagramFlags.RunStarts : DatagramFlags.None;
    }

    private void PumpFullRuns<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (Sealed - Sent >= (ulong)_context.Options.RunDatagrams) Pump(now, ref sink);
    }

    private bool TrySendRun<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        ulong first = Sent + 1;
        int most = (int)Math.Min(Math.Min(Sealed, FlowLimit) - Sent, (ulong)Math.Min(_context.Options.RunDatagrams, _ring.SlotsToEnd(first)));
        int count = 0, bytes = 0;
        while (count < most)
        {
            int length = _lengths[_ring.IndexOf(first + (ulong)count)];
            if (!_pacing.TryTake(length)) break;
            count++;
            bytes += length;
            if (length < _ring.SlotBytes) break;           // only the last of a segmented send may be short
        }
        if (count == 0) return false;
        sink.SendToGroup(_ring.From(first, bytes), _ring.SlotBytes);
        if (_peers.ByUnicastCount > 0) SendByUnicast(first, count, ref sink);
        Sent += (ulong)count;
        LastSentAt = now;
        _context.Counters.DataDatagramsSent += count;
        _context.Counters.DataBytesSent += bytes;
        return true;
    }

    private void SendByUnicast<TSink>(ulong first, int count, ref TSink sink) where TSink : struct, IEngineSink
    {
        foreach (var peer in _peers.All)
        {
            if (!peer.Member.ByUnicast) continue;
            for (ulong sequence = first; sequence < first + (ulong)count; sequence++)
            {
                sink.SendTo(peer.EndPoint, _ring[sequence][.._lengths[_ring.IndexOf(sequence)]]);
                _context.Counters.UnicastCopiesSent++;
            }
        }
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private void ThrowTooLong(int messageBytes) =>
        throw new ArgumentException($"a message of {messageBytes} bytes makes a batch longer than {_context.Options.MaxMessageBytes} bytes (4 bytes per message included)");
}

using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>This node's copy of one other node's stream: order, gaps, delivery. Rules P-50 to P-59. Replays are duplicates here: the receive window is the replay window.</summary>
internal sealed class StreamReceiver : IDisposable
{
    private readonly EngineContext _context;
    private readonly Peer _peer;
    private readonly ReceiveRing _ring;
    private readonly RunAssembly _assembly;
    private readonly byte[] _opened;
    private ulong _known;                                  // what is missing up to here is a gap
    private ulong _announced;                              // what a beat said beyond that; a gap once DATA has been quiet (P-53)
    private ulong _announcedOldest;
    private GapReason _announcedReason;
    private bool _assembling;
    private ulong _pendingGap;                             // skipped through here, not yet told to the handler
    private GapReason _pendingReason;

    /// <param name="context">Of the engine.</param>
    /// <param name="peer">Whose stream.</param>
    /// <param name="position">The first sequence that is received.</param>
    /// <param name="opened">Room for one opened body; shared by all streams.</param>
    /// <param name="now">Now.</param>
    public StreamReceiver(EngineContext context, Peer peer, ulong position, byte[] opened, Timestamp now)
    {
        _context = context;
        _peer = peer;
        _opened = opened;
        int capacity = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(context.Options.RetainedDatagrams, 2 * context.Options.ReceiveWindowDatagrams));
        _ring = new ReceiveRing(capacity, context.DataBytes);
        _assembly = new RunAssembly(context.Options.MaxMessageBytes + 2 * context.DataBytes);
        Contiguous = _known = _announced = position - 1;
        LastProgressAt = context.Judging(now);
    }

    /// <summary>Everything up to here was received, or given up.</summary>
    public ulong Contiguous { get; private set; }

    /// <summary>Everything up to here was delivered while this node was synchronised.</summary>
    public ulong Applied { get; private set; }

    /// <summary>The highest sequence that is known to exist.</summary>
    public ulong Highest => Math.Max(_known, _announced);

    /// <summary>Something is missing that is due to be asked for.</summary>
    public bool HasGap => Contiguous < _known;

    /// <summary>Nothing is missing that is known to exist.</summary>
    public bool IsComplete => Contiguous >= Highest;

    /// <summary>A gap appeared since this was last reset.</summary>
    public bool NewGap { get; set; }

    /// <summary>When DATA came last.</summary>
    public Timestamp LastDataAt { get; private set; } = new(long.MinValue / 2);

    /// <summary>On the judging clock: when <see cref="Contiguous"/> advanced last, or a first gap appeared.</summary>
    public Timestamp LastProgressAt { get; private set; }

    public ReceiveRing Ring => _ring;
    public long MemoryBytes => _ring.MemoryBytes + _assembly.MemoryBytes;

    /// <summary>A pause of this node was discounted: nothing advanced later than now.</summary>
    public void EndPause(Timestamp judging) => LastProgressAt = Timestamp.Min(LastProgressAt, judging);

    /// <summary>Takes one DATA datagram, delivers what it makes deliverable.</summary>
    /// <returns><see cref="DropReason.None"/> for a new datagram; a duplicate is reported as <see cref="DropReason.Replayed"/>, which no forger can tell from a late repair.</returns>
    public DropReason OnData(Timestamp now, in DatagramHeader header, StreamCipher? cipher)
    {
        ulong sequence = header.Counter;
        if (sequence <= Contiguous || _ring.Holds(sequence)) return DropReason.Replayed;                       // P-50
        if (sequence - Contiguous > (ulong)_ring.Capacity) return DropReason.BeyondWindow;
        if (header.Datagram.Length > _ring.SlotBytes) return DropReason.Malformed;
        bool inOrder = sequence == Contiguous + 1;
        var body = header.Sealed;
        if (cipher is not null)
        {
            var opened = (inOrder ? _opened : _ring.BodySlot(sequence))[..body.Length];
            if (!cipher.TryOpen(header.Datagram, DatagramHeader.Bytes, opened)) return DropReason.NotAuthentic;
            body = opened;
        }
        else if (!inOrder)
        {
            body.CopyTo(_ring.BodySlot(sequence));
        }
        _ring.Store(sequence, header.Datagram, header.Flags, header.BodyBytes);
        LastDataAt = now;
        Know(sequence, now);
        if (!inOrder) return DropReason.None;
        Contiguous = sequence;
        LastProgressAt = _context.Judging(now);
        Consume(sequence, header.Flags, body[..header.BodyBytes]);
        Drain();
        return DropReason.None;
    }

    /// <summary>The sender, or another receiver, says what exists.</summary>
    /// <param name="now">Now.</param>
    /// <param name="highest">The newest sequence.</param>
    /// <param name="inOrder">It came on the path of DATA and behind it: what is missing is lost. Otherwise DATA may still be on its way (P-53).</param>
    public void OnAnnounced(Timestamp now, ulong highest, bool inOrder)
    {
        if (inOrder) Know(highest, now);
        else if (highest > _announced) _announced = highest;
    }

    /// <summary>The sender says what it can repair no longer.</summary>
    public void OnOldest(ulong oldest, bool inOrder, GapReason reason)
    {
        if (inOrder) GiveUpBelow(oldest, reason);
        else if (oldest > _announcedOldest) (_announcedOldest, _announcedReason) = (oldest, reason);
    }

    /// <summary>Believes what was announced out of order once DATA has been quiet.</summary>
    public void PromoteAnnounced(Timestamp now, TimeSpan quiet)
    {
        if (now - LastDataAt < quiet) return;
        if (_announced > _known) Know(_announced, now);
        if (_announcedOldest > Contiguous + 1) GiveUpBelow(_announcedOldest, _announcedReason);
    }

    /// <summary>Gives up what is missing below a sequence (P-57).</summary>
    public void GiveUpBelow(ulong oldest, GapReason reason)
    {
        ulong windowEnd = Contiguous + (ulong)_ring.Capacity;
        while (Contiguous + 1 < oldest)
        {
            ulong next = Contiguous + 1;
            if (_ring.Holds(next))
            {
                ConsumeStored(next);
                continue;
            }
            ulong end = next;
            while (end + 1 < oldest && end < windowEnd && !_ring.Holds(end + 1)) end++;
            if (end >= windowEnd) end = oldest - 1;
            Contiguous = end;
            if (_known < end) _known = end;
            Skip(end, reason);
        }
        Drain();
    }

    /// <summary>Gives up everything that is missing and known to exist (P-58).</summary>
    public void GiveUpAll(GapReason reason) => GiveUpBelow(Highest + 1, reason);

    /// <summary>Tells the handler of what was skipped, if it was not told yet. Called before every delivery and at the end of a receive batch.</summary>
    public void TellGap()
    {
        if (_pendingGap == 0) return;
        ulong from = _peer.Member.DeliveredThrough + 1, through = _pendingGap;
        _pendingGap = 0;
        _context.Counters.StreamGaps++;
        _context.Counters.SequencesGivenUp += (long)(through - from + 1);
        _context.Handler.OnStreamGap(_peer.Member, from, through, _pendingReason);
        Delivered(through);
    }

    /// <summary>The stream begins behind sequences that existed before (P-36).</summary>
    public void BeginAt(ulong position)
    {
        if (position > 1) Skip(position - 1, GapReason.JoinedLate);
        TellGap();
    }

    /// <summary>Everything delivered counts as applied from now on (P-72).</summary>
    public void OnSynchronised() => Applied = _peer.Member.DeliveredThrough;

    /// <summary>Collects what is missing, in order.</summary>
    public int CollectMissing(Span<SequenceRange> ranges)
    {
        int count = 0;
        ulong end = Math.Min(_known, Contiguous + (ulong)_ring.Capacity);
        for (ulong sequence = Contiguous + 1; sequence <= end && count < ranges.Length; sequence++)
        {
            if (_ring.Holds(sequence)) continue;
            ulong first = sequence;
            while (sequence < end && !_ring.Holds(sequence + 1)) sequence++;
            ranges[count++] = new SequenceRange(first, sequence);
        }
        return count;
    }

    public void Dispose()
    {
        _ring.Dispose();
        _assembly.Dispose();
    }

    private void Know(ulong sequence, Timestamp now)
    {
        if (sequence <= _known) return;
        if (sequence > _known + 1 || !_ring.Holds(sequence))
        {
            NewGap = true;
            if (!HasGap) LastProgressAt = _context.Judging(now);
        }
        _known = sequence;
    }

    private void Drain()
    {
        while (_ring.Holds(Contiguous + 1)) ConsumeStored(Contiguous + 1);
    }

    private void ConsumeStored(ulong sequence)
    {
        Contiguous = sequence;
        LastProgressAt = _context.Judging(LastDataAt);
        Consume(sequence, _ring.Flags(sequence), _ring.Body(sequence));
    }

    private void Consume(ulong sequence, DatagramFlags flags, ReadOnlySpan<byte> body)
    {
        const DatagramFlags whole = DatagramFlags.RunStarts | DatagramFlags.RunEnds;
        if ((flags & DatagramFlags.AcknowledgeNow) != 0) _peer.Schedule.AcknowledgeNow = true;                // P-43
        if ((flags & DatagramFlags.RunStarts) != 0)
        {
            if (_assembling) Skip(sequence - 1, GapReason.Gone);       // the sender never does this; whatever was begun is lost
            if ((flags & whole) == whole)
            {
                Deliver(sequence, body);
                return;
            }
            _assembling = true;
            _assembly.Clear();
        }
        else if (!_assembling)
        {
            Skip(sequence, _pendingGap != 0 ? _pendingReason : GapReason.Gone);                                // P-56: its beginning is lost
            return;
        }
        if (!_assembly.TryAppend(body))
        {
            _context.Counters.Drop(DropReason.Malformed);
            Skip(sequence, GapReason.Gone);
            return;
        }
        if ((flags & DatagramFlags.RunEnds) == 0) return;
        _assembling = false;
        Deliver(sequence, _assembly.Bytes);
    }

    private void Deliver(ulong sequence, ReadOnlySpan<byte> run)
    {
        if (!MessageFrames.TryCount(run, out int messages))            // authentic, yet not well-formed: the sender is broken (P-23)
        {
            _context.Counters.Drop(DropReason.Malformed);
            Skip(sequence, GapReason.Gone);
            return;
        }
        TellGap();
        _context.Counters.RunsDelivered++;
        _context.Counters.MessagesDelivered += messages;
        _context.Counters.BytesDelivered += run.Length - messages * MessageRun.FrameHeaderBytes;
        _context.Handler.OnDeliver(_peer.Member, sequence, new MessageRun(run));
        Delivered(sequence);
    }

    private void Delivered(ulong through)
    {
        _peer.Member.DeliveredThrough = through;
        if (_context.Synchronised) Applied = through;
    }

    private void Skip(ulong through, GapReason reason)
    {
        _assembling = false;
        if (_pendingGap == 0) _pendingReason = reason;
        _pendingGap = through;
    }
}

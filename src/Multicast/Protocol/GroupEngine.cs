using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>The protocol of one node, free of I/O, clock, threads and randomness (ARCHITECTURE 4; docs/protocol.md). // A12, A13, A14</summary>
/// <remarks>
/// One thread; only <see cref="Heartbeats"/> may be used from another. Per loop round: <see cref="OnDatagram"/> for everything received, <see cref="EndReceiveBatch"/>,
/// <see cref="TryPublish"/> as needed, <see cref="Flush"/>; <see cref="OnTick"/> once <see cref="NextDeadline"/> has come, after the sockets were drained.
/// </remarks>
internal sealed class GroupEngine : IDisposable
{
    private const int NotesEvery = 16;                     // ticks between two NOTEs of wire version 2
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private readonly FlowControl _flow;
    private readonly RepairService _repairs;
    private readonly OrphanRepair _orphans;
    private readonly Reporter _reporter;
    private readonly Membership _membership;
    private readonly Admission _admission;
    private readonly Beats _beats;
    private readonly Inbound _inbound;
    private readonly Departure _departure;
    private Timestamp _judgeAt = new(0);
    private Timestamp _judgedAt;
    private int _ticks;

    internal GroupEngine(EngineOptions options, EngineIdentity identity, IGroupHandler handler)
    {
        string[] errors = [.. options.Validate()];
        if (errors.Length > 0) throw new ArgumentException(string.Join("; ", errors), nameof(options));
        if (identity.Incarnation == 0) throw new ArgumentException("an incarnation is at least 1", nameof(identity));
        _context = new EngineContext(options, identity, handler);
        _peers = new PeerTable(_context);
        _sender = new StreamSender(_context, _peers);
        _flow = new FlowControl(_context, _peers, _sender);
        _repairs = new RepairService(_context, _peers, _sender);
        _orphans = new OrphanRepair(_context, _peers);
        _reporter = new Reporter(_context, _peers);
        _membership = new Membership(_context, _peers, _flow);
        byte[] opened = GC.AllocateUninitializedArray<byte>(Math.Max(options.DatagramBytes, 2048), pinned: true);
        _admission = new Admission(_context, _peers, _sender, _flow, _membership, opened);
        _beats = new Beats(_context, _peers, _sender, _membership);
        _departure = new Departure(_context, _peers, _sender);
        _inbound = new Inbound(_context, _peers, opened, new InboundParts(_admission, _membership, _beats, _flow, _repairs, _orphans, _reporter, _departure));
    }

    /// <summary>Who this node is.</summary>
    public EngineIdentity Identity => _context.Identity;

    /// <summary>This node's number.</summary>
    public NodeId Self => _context.Self;

    /// <summary>The other members in the order in which they were first heard.</summary>
    public IReadOnlyList<GroupMember> Members => _peers.Members;

    /// <summary>Everything counted.</summary>
    public EngineCounters Counters => _context.Counters;

    /// <summary>What is refused again and again.</summary>
    public RefusedTraffic Refused { get; } = new();

    /// <summary>For the heartbeat thread.</summary>
    public HeartbeatSource Heartbeats => _beats.Source;

    /// <summary>See <see cref="IGroup.MaxMessageBytes"/>.</summary>
    public int MaxMessageBytes => _context.Options.MaxMessageBytes;

    /// <summary>See <see cref="IGroup.PublishableBytes"/>.</summary>
    public long PublishableBytes => _departure.HasBegun ? 0 : _sender.PublishableBytes;

    /// <summary>See <see cref="IGroup.PublishedThrough"/>.</summary>
    public ulong PublishedThrough => _sender.Complete;

    /// <summary>The wire version that this node writes.</summary>
    public byte WireVersion => _context.WireVersion;

    /// <summary>Native memory held, in bytes.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = _sender.MemoryBytes;
            foreach (var peer in _peers.All) bytes += peer.Receiver?.MemoryBytes ?? 0;
            return bytes;
        }
    }

    /// <summary>Why some member refused this node last, e.g. because its name is alive elsewhere; null when nobody did.</summary>
    public JoinRefusal? LastRefusal => _admission.LastRefusal;

    /// <summary>When <see cref="OnTick"/> must be called next.</summary>
    public Timestamp NextDeadline
    {
        get
        {
            var deadline = Timestamp.Min(Timestamp.Min(_judgeAt, _sender.Deadline), Timestamp.Min(_beats.Deadline, _repairs.Deadline));
            deadline = Timestamp.Min(deadline, Timestamp.Min(_orphans.Deadline, _departure.HasBegun ? _departure.Deadline : _admission.Deadline));
            foreach (var peer in _peers.All)
            {
                if (peer.Admitted) deadline = Timestamp.Min(deadline, peer.Schedule.DueAt);
            }
            return deadline;
        }
    }

    /// <summary>After <see cref="Leave"/>: every member waited for has received everything, and goodbye was said often enough.</summary>
    public bool IsDrained => _departure.IsDone;

    /// <summary>Handles one datagram. Its bytes are not changed.</summary>
    /// <param name="now">When it was received.</param>
    /// <param name="wallMilliseconds">Wall time in milliseconds since 1970.</param>
    /// <param name="datagram">The UDP payload.</param>
    /// <param name="source">The sender's address; the object is kept.</param>
    /// <param name="path">The socket.</param>
    /// <param name="sink">Where datagrams go.</param>
    public void OnDatagram<TSink>(Timestamp now, long wallMilliseconds, ReadOnlySpan<byte> datagram, IPEndPoint source, ReceivePath path, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        var reason = _inbound.Handle(now, wallMilliseconds, datagram, source, path, ref sink);
        if (reason == DropReason.None) return;
        _context.Counters.Drop(reason);
        Refused.Note(now, reason, source);
    }

    /// <summary>Ends a batch of <see cref="OnDatagram"/>: reports, repairs, progress.</summary>
    public void EndReceiveBatch<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        _reporter.SendDue(now, ref sink);
        _repairs.Pump(now, ref sink);
        _orphans.Pump(now, ref sink);
        if (_sender.Sealed > _sender.Sent) _sender.Pump(now, ref sink);
        _beats.OnSent();
        if (_flow.TakeAppliedAdvanced()) _context.Handler.OnProgress();
        if (_sender.TakeReopened()) _context.Handler.OnWindowOpen();
    }

    /// <summary>See <see cref="IGroup.TryPublish"/>. A node that has said goodbye publishes nothing more: its window stays closed.</summary>
    /// <exception cref="ArgumentException">The message, or the batch with it, is longer than <see cref="MaxMessageBytes"/>.</exception>
    public bool TryPublish<TSink>(Timestamp now, ReadOnlySpan<byte> message, PublishOptions options, out ulong sequence, ref TSink sink)
        where TSink : struct, IEngineSink
    {
        sequence = 0;
        return !_departure.HasBegun && _sender.TryPublish(now, message, options, out sequence, ref sink);
    }

    /// <summary>Closes the open datagram and sends what the windows allow.</summary>
    public void Flush<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        _sender.Flush(now, ref sink);
        _beats.OnSent();
    }

    /// <summary>Runs the timers that are due. Call after the sockets were drained: a late tick is discounted, and what was heard meanwhile must count (P-82).</summary>
    public void OnTick<TSink>(Timestamp now, long wallMilliseconds, ref TSink sink) where TSink : struct, IEngineSink
    {
        _membership.OnTime(now);
        if (_sender.Deadline <= now) _sender.Flush(now, ref sink);
        if (now >= _judgeAt) Judge(now, ref sink);
        if (_departure.HasBegun) _departure.OnTick(now, ref sink);
        else _admission.OnTick(now, ref sink);
        _beats.OnTick(now, wallMilliseconds, ref sink);
        EndReceiveBatch(now, ref sink);
    }

    /// <summary>Says goodbye. Keep the engine running until <see cref="IsDrained"/>, or for as long as there is time.</summary>
    public void Leave<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        Flush(now, ref sink);
        _departure.Begin(now, ref sink);
    }

    /// <summary>The link carries again, or no longer: suspicion becomes quicker without it.</summary>
    public void OnLinkChanged(Timestamp now, bool up)
    {
        _membership.LinkUp = up;
        if (!up) return;
        _admission.Hurry();
        _beats.Hurry();
    }

    /// <summary>Accepts one more key; <see cref="SealWith"/> makes it the sealing one.</summary>
    /// <exception cref="ArgumentException">The key has not 32 bytes.</exception>
    public void RotateKey(ushort keyId, ReadOnlySpan<byte> key) => _context.Keys.Accept(keyId, key);

    /// <summary>Seals with an accepted key from now on.</summary>
    /// <exception cref="ArgumentException">The key is not accepted.</exception>
    public void SealWith(ushort keyId)
    {
        _context.Keys.SealWith(keyId);
        Heartbeats.ReplaceCipher();
    }

    /// <summary>Accepts a key no longer. What was sealed with it and not yet repaired is lost to those who lack it.</summary>
    public void ForgetKey(ushort keyId) => _context.Keys.Forget(keyId);

    /// <summary>See <see cref="IGroup.DeclareSynchronised"/>.</summary>
    public void DeclareSynchronised(bool synchronised)
    {
        if (_context.Synchronised == synchronised) return;
        _context.Synchronised = synchronised;
        _context.StateNumber++;
        foreach (var peer in _peers.All)
        {
            if (peer.Receiver is not { } receiver) continue;
            if (synchronised) receiver.OnSynchronised();
            peer.Schedule.Hurry(new Timestamp(0));
        }
        _beats.Hurry();
    }

    /// <summary>See <see cref="IGroup.PublishBeatExtension"/>.</summary>
    public void PublishBeatExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry) => _beats.PublishExtension(extension, validUntil, hurry);

    /// <summary>Frees the windows.</summary>
    public void Dispose()
    {
        Heartbeats.Stop();
        _peers.Dispose();
        _sender.Dispose();
        _context.Keys.Dispose();
    }

    private void Judge<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        _judgeAt = now + _membership.TickInterval;
        var judging = _context.Judging(now);
        var elapsed = judging - _judgedAt;
        _judgedAt = judging;
        _membership.Judge(now);
        _admission.UpdateWireVersion();
        _flow.Judge(judging, elapsed < _membership.TickInterval * 2 ? elapsed : _membership.TickInterval);
        _beats.Publish(now);
        if (_context.WireVersion >= 2 || _context.Options.MaxWireVersion >= 2) SendNote(ref sink);
    }

    /// <summary>Wire version 2 has one more datagram that version 1 skips; it keeps the rule for ignorable types alive (P-04).</summary>
    private void SendNote<TSink>(ref TSink sink) where TSink : struct, IEngineSink
    {
        if (++_ticks % NotesEvery != 0) return;
        var control = _context.Control;
        var body = control.Body(DatagramType.Note);
        body[..4].Clear();
        control.SendToGroup(control.Finish(DatagramType.Note, 4, DatagramFlags.Ignorable), _peers, ref sink);
    }
}

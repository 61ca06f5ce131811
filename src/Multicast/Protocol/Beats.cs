using System.Net;
using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Beats in both directions: what this node says of itself and of the paths, and what it learns from the others' beats. Rules P-80, P-84, P-85, P-90 to P-94 and P-100 to P-104.</summary>
internal sealed class Beats
{
    private const int TailProbes = 3;
    private static readonly TimeSpan ShortestTail = TimeSpan.FromMilliseconds(1);
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private readonly Membership _membership;
    private readonly int _maxEntries;
    private Timestamp _probeAt = new(0);
    private Timestamp _tailAt = Timestamp.Never;
    private ulong _tailSequence;
    private int _tailCount;
    private int _firstEntry;

    public Beats(EngineContext context, PeerTable peers, StreamSender sender, Membership membership)
    {
        _context = context;
        _peers = peers;
        _sender = sender;
        _membership = membership;
        _maxEntries = BeatView.MaxEntries(context.Options.DatagramBytes);
        Source = new HeartbeatSource(context);
    }

    /// <summary>For the heartbeat thread.</summary>
    public HeartbeatSource Source { get; }

    /// <summary>When to act next.</summary>
    public Timestamp Deadline => Timestamp.Min(_probeAt, _tailAt);

    /// <summary>Probe at the next tick: something changed that all should know.</summary>
    public void Hurry() => _probeAt = new Timestamp(0);

    /// <summary>Handles an authentic beat of an admitted member.</summary>
    /// <param name="now">When it was received.</param>
    /// <param name="wallMilliseconds">Wall time here.</param>
    /// <param name="peer">Whose.</param>
    /// <param name="beat">What it says.</param>
    /// <param name="inOrder">It came behind the DATA before it.</param>
    public void OnBeat(Timestamp now, long wallMilliseconds, Peer peer, in BeatView beat, bool inOrder)
    {
        if (beat.Sent >= peer.Echo.Sent) peer.Echo = new PeerEcho { Sent = beat.Sent, ReceivedAt = now };
        _membership.OnState(peer, beat.StateNumber, (beat.Flags & BeatFlags.Synchronised) != 0);
        bool listed = false;
        BeatEntry ownEntry = default;
        for (int i = 0; i < beat.EntryCount; i++)
        {
            var entry = beat[i];
            if (entry.Node != _context.Self || entry.Incarnation != _context.Identity.Incarnation) continue;
            listed = true;
            ownEntry = entry;
            OnOwnEntry(now, wallMilliseconds, peer, beat, entry);
        }
        if (listed || (beat.Flags & BeatFlags.AllEntries) != 0) peer.KnowsUs = listed;
        var receiver = peer.Receiver!;
        receiver.OnAnnounced(now, beat.Highest, inOrder);
        receiver.OnOldest(beat.Oldest, inOrder, peer.NotWaitedForThere ? GapReason.Ejected : GapReason.Gone);
        _context.Handler.OnBeat(peer.Member, now, beat.Sent, ownEntry.EchoSent, ownEntry.HeldMicroseconds, beat.Extension);        // P-103
    }

    /// <summary>Handles an authentic beat that came by the second path. It proves that the member lives, to the layer above; that DATA goes to and fro it does not prove, so nothing else follows from it (P-99).</summary>
    public void OnSecondPath(Timestamp now, Peer peer, in BeatView beat)
    {
        peer.Member.LastHeardBySecondPath = now;
        // Echoed only when the first path is silent: round trips are those of the path of DATA.
        if (beat.Sent >= peer.Echo.Sent && now - peer.Echo.ReceivedAt > _context.Options.Heartbeat * 2) peer.Echo = new PeerEcho { Sent = beat.Sent, ReceivedAt = now };
        BeatEntry own = default;
        for (int i = 0; i < beat.EntryCount; i++)
        {
            var entry = beat[i];
            if (entry.Node == _context.Self && entry.Incarnation == _context.Identity.Incarnation) own = entry;
        }
        _context.Handler.OnBeat(peer.Member, now, beat.Sent, own.EchoSent, own.HeldMicroseconds, beat.Extension);
    }

    /// <summary>Watches for the end of a burst of DATA (P-85). Cheap; call whenever DATA may have been sent.</summary>
    public void OnSent()
    {
        Source.PublishPosition(_sender.Sent, _sender.Oldest);
        if (_sender.Sent == _tailSequence) return;
        _tailSequence = _sender.Sent;
        _tailCount = 0;
        _tailAt = _sender.LastSentAt + RoundTrip();
    }

    /// <summary>Sends the probes that are due and hands the heartbeat thread what it needs.</summary>
    public void OnTick<TSink>(Timestamp now, long wallMilliseconds, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (_tailAt <= now)
        {
            if (!EveryoneHas(_tailSequence)) SendProbe(now, wallMilliseconds, null, ref sink);
            _tailAt = ++_tailCount < TailProbes ? now + RoundTrip() * (1 << _tailCount) : Timestamp.Never;
        }
        if (_probeAt > now) return;
        _probeAt = now + _context.Options.ProbeInterval;
        SendProbe(now, wallMilliseconds, null, ref sink);
        if (_context.Options.Transport == GroupTransport.Unicast) return;
        foreach (var peer in _peers.All)
        {
            if (peer.Admitted) SendProbe(now, wallMilliseconds, peer, ref sink);
        }
    }

    /// <summary>See <see cref="IGroup.PublishBeatExtension"/>.</summary>
    public void PublishExtension(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry)
    {
        if (extension.Length > BeatView.MaxExtensionBytes) ThrowExtensionTooLong(extension.Length);
        Source.PublishExtension(extension, validUntil);
        if (hurry) Hurry();                                                                                    // P-104
    }

    /// <summary>Publishes the body of the next heartbeats.</summary>
    public void Publish(Timestamp now)
    {
        if (_peers.ByUnicastCount != Source.UnicastDestinations.Length)
            Source.SetUnicastDestinations([.. _peers.All.Where(static p => p.Member.ByUnicast).Select(static p => p.EndPoint)]);
        int entries = WriteBody(now, 0, Source.BeginPublish(), forHeartbeats: true);
        Source.EndPublish(entries);
    }

    private void OnOwnEntry(Timestamp now, long wallMilliseconds, Peer peer, in BeatView beat, in BeatEntry entry)
    {
        peer.NotWaitedForThere = (entry.Flags & BeatEntryFlags.NotWaitedFor) != 0;
        if (entry.EchoSent != 0)
        {
            long nanoseconds = now.Nanoseconds - (long)entry.EchoSent - entry.HeldMicroseconds * 1000L;
            if (nanoseconds is > 0 and < 10_000_000_000) OnRoundTrip(wallMilliseconds, peer, beat, TimeSpan.FromTicks(Math.Max(1, nanoseconds / 100)));
        }
        if (_context.Options.Transport == GroupTransport.Unicast) return;
        bool groupHeard = (entry.Flags & BeatEntryFlags.GroupHeard) != 0, unicastHeard = (entry.Flags & BeatEntryFlags.UnicastHeard) != 0;
        peer.Paths.UnicastLost = groupHeard && !unicastHeard;                                                  // P-94
        if (peer.Member.ByUnicast != groupHeard) return;
        peer.Member.ByUnicast = !groupHeard;                                                                   // P-91, P-92
        _peers.ByUnicastCount += groupHeard ? -1 : 1;
        _context.Counters.PathChanges++;
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.PathChanged);
    }

    private static void OnRoundTrip(long wallMilliseconds, Peer peer, in BeatView beat, TimeSpan sample)
    {
        var known = peer.Member.RoundTrip;
        peer.Member.RoundTrip = known == TimeSpan.Zero ? sample : (known * 7 + sample) / 8;                    // RFC 6298's gain
        if (known != TimeSpan.Zero && sample > known * 2) return;      // a delayed beat says little about clocks
        peer.Member.ClockOffsetMilliseconds = beat.WallMilliseconds + (long)(sample.TotalMilliseconds / 2) - wallMilliseconds;
    }

    private void SendProbe<TSink>(Timestamp now, long wallMilliseconds, Peer? to, ref TSink sink) where TSink : struct, IEngineSink
    {
        var control = _context.Control;
        var body = control.Body(DatagramType.Probe);
        int entries = WriteBody(now, wallMilliseconds, body, forHeartbeats: false);
        var datagram = control.Finish(DatagramType.Probe, BeatView.WriteExtension(body, entries, Source.ExtensionAt(now)));
        _context.Counters.ControlDatagramsSent++;
        if (to is null) sink.SendToGroup(datagram, datagram.Length);
        else sink.SendTo(to.EndPoint, datagram);
    }

    private int WriteBody(Timestamp now, long wallMilliseconds, Span<byte> body, bool forHeartbeats)
    {
        int count = 0, admitted = 0, total = _peers.All.Count;
        for (int i = 0; i < total; i++)
        {
            var peer = _peers.All[(i + _firstEntry) % total];
            if (!peer.Admitted) continue;
            admitted++;
            if (count == _maxEntries) continue;
            var flags = (peer.Paths.GroupLost ? 0 : BeatEntryFlags.GroupHeard) | (peer.Paths.UnicastHeard ? BeatEntryFlags.UnicastHeard : 0)
                | (peer.Member.WaitedFor ? 0 : BeatEntryFlags.NotWaitedFor);
            long held = (now - peer.Echo.ReceivedAt).Ticks / TimeSpan.TicksPerMicrosecond;
            BeatView.WriteEntry(body, count, new BeatEntry(peer.Node, peer.Incarnation, peer.Echo.Sent, (uint)Math.Clamp(held, 0, uint.MaxValue), flags));
            if (forHeartbeats) Source.SetReceivedAt(count, peer.Echo.ReceivedAt);
            count++;
        }
        if (admitted > count) _firstEntry = (_firstEntry + count) % total;     // those left out come next time
        var beatFlags = (_context.Synchronised ? BeatFlags.Synchronised : 0) | (admitted == count ? BeatFlags.AllEntries : 0);
        BeatView.WriteHeader(body, (ulong)now.Nanoseconds, wallMilliseconds, _sender.Sent, _sender.Oldest, _context.StateNumber, beatFlags, count);
        return count;
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void ThrowExtensionTooLong(int bytes) =>
        throw new ArgumentException($"a beat carries an extension of {BeatView.MaxExtensionBytes} bytes at most, not {bytes}");

    private bool EveryoneHas(ulong sequence)
    {
        foreach (var peer in _peers.All)
        {
            if (peer.Member.State == MemberState.Live && peer.Member.ReceivedThrough < sequence) return false;
        }
        return true;
    }

    private TimeSpan RoundTrip()
    {
        var longest = ShortestTail;
        foreach (var peer in _peers.All)
        {
            if (peer.Member.State == MemberState.Live && peer.Member.RoundTrip > longest) longest = peer.Member.RoundTrip;
        }
        return longest;
    }
}

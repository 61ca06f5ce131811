using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Sends this node's REPORTs: at most one per stream and receive batch. Rules P-40 to P-49.</summary>
internal sealed class Reporter
{
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly SequenceRange[] _missing = new SequenceRange[ReportView.MaxRanges];

    public Reporter(EngineContext context, PeerTable peers)
    {
        _context = context;
        _peers = peers;
    }

    /// <summary>Rounds trip of a peer, with a guess before the first measurement.</summary>
    public static TimeSpan RoundTrip(Peer peer) => peer.Member.RoundTrip > TimeSpan.Zero ? peer.Member.RoundTrip : TimeSpan.FromMilliseconds(2);

    /// <summary>DATA arrived, or the stream advanced otherwise.</summary>
    public void OnProgress(Timestamp now, Peer peer) => peer.Schedule.OnProgress(now, _context.Options.ReportInterval);

    /// <summary>Plans the report of gaps that appeared (P-44, P-47).</summary>
    public void OnGaps(Timestamp now, Peer peer)
    {
        var delay = _context.Options.ReorderDelay;
        if (_peers.IsLarge) delay += Backoff.Draw(_context.Random, RoundTrip(peer) * Backoff.RoundTrips, _peers.GroupSize);
        else if (peer.Orphaned) delay += _context.Random.NextSpan(RoundTrip(peer));
        peer.Schedule.OnGap(now, delay);
    }

    /// <summary>Sends what is due.</summary>
    public void SendDue<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        foreach (var peer in _peers.All)
        {
            if (peer.Receiver is not { } receiver) continue;
            receiver.TellGap();
            if (receiver.NewGap)
            {
                receiver.NewGap = false;
                OnGaps(now, peer);
            }
            if (!receiver.HasGap) peer.Schedule.OnComplete();
            if (peer.Schedule.DueAt <= now || peer.Schedule.DatagramsSinceReport >= ReportEvery(now)) Send(now, peer, receiver, ref sink);
        }
    }

    /// <summary>Another receiver asked for missing datagrams of a stream: when it asked for all that is missing here, this node need not (P-48).</summary>
    public void OnOverheard(Timestamp now, Peer stream, in ReportView report)
    {
        if (!_peers.IsLarge || stream.Receiver is not { HasGap: true } receiver || stream.Schedule.GapsAt <= now || stream.Schedule.GapsAt == Timestamp.Never) return;
        int count = receiver.CollectMissing(_missing);
        for (int i = 0, j = 0; i < count; i++)
        {
            while (j < report.RangeCount && report[j].Last < _missing[i].First) j++;
            if (j == report.RangeCount || !report[j].Contains(_missing[i])) return;
        }
        stream.Schedule.Suppress(now + RoundTrip(stream) * (Backoff.RoundTrips + 2));
        _context.Counters.ReportsSuppressed++;
    }

    /// <summary>Datagrams beyond the contiguous ones that one sender may send: the socket buffer is shared by the streams that are in use (P-71).</summary>
    private uint Window(Timestamp now)
    {
        int active = 0;
        foreach (var peer in _peers.All)
        {
            if (peer.Receiver is { } receiver && now - receiver.LastDataAt < TimeSpan.FromSeconds(1)) active++;
        }
        return (uint)Math.Max(16, _context.Options.ReceiveWindowDatagrams / Math.Max(1, active));
    }

    private int ReportEvery(Timestamp now) => (int)Math.Clamp(Window(now) / 8, 8, 128);

    private void Send<TSink>(Timestamp now, Peer peer, StreamReceiver receiver, ref TSink sink) where TSink : struct, IEngineSink
    {
        bool gapsDue = peer.Schedule.GapsAt <= now;
        // Who does not answer a multicast report may be one whom multicast does not reach: ask it alone (P-47).
        bool toGroup = gapsDue && _peers.IsLarge && !peer.Schedule.IsRetrying || peer.Orphaned;
        int count = 0;
        var flags = _context.Synchronised ? ReportFlags.Synchronised : ReportFlags.None;
        if (peer.Orphaned) flags |= ReportFlags.Orphan;
        // A gap that still waits for reordered datagrams, for a repair on its way or for its backoff is not asked for: P-44, P-45, P-47.
        if (gapsDue) count = receiver.CollectMissing(_missing);
        else if (receiver.HasGap) flags |= ReportFlags.WithoutRanges;
        var fields = new ReportFields(peer.Node, peer.Incarnation, receiver.Contiguous, Math.Min(receiver.Applied, receiver.Contiguous), receiver.Highest,
            _context.StateNumber, Window(now), flags);
        var control = _context.Control;
        var datagram = control.Finish(DatagramType.Report, ReportView.Write(control.Body(DatagramType.Report), fields, _missing.AsSpan(0, count)));
        if (toGroup) control.SendToGroup(datagram, _peers, ref sink);
        else control.Send(peer, datagram, ref sink);
        _context.Counters.ReportsSent++;
        if (count > 0) _context.Counters.GapReportsSent++;
        // P-45: a repair needs a round trip; what is asked again sooner crosses it.
        peer.Schedule.OnSent(now, _context.Options.ReportInterval, count > 0, RoundTrip(peer) * 2 + TimeSpan.FromMilliseconds(4));
    }
}

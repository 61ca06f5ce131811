using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Completes other receivers from what this node holds of a stream whose sender they do not hear. Rules P-65 to P-68.</summary>
internal sealed class OrphanRepair
{
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private TokenBucket _budget;

    public OrphanRepair(EngineContext context, PeerTable peers)
    {
        _context = context;
        _peers = peers;
        var options = context.Options;
        _budget = new TokenBucket(options.RepairBytesPerSecond, Math.Max((long)options.RepairOutstandingDatagrams * options.DatagramBytes, options.RepairBytesPerSecond / 1000));
    }

    /// <summary>A receiver of <paramref name="stream"/> told everybody what it has and lacks.</summary>
    public void OnReport(Timestamp now, Peer reporter, Peer stream, in ReportView report)
    {
        if (stream.Receiver is not { } receiver || (report.Flags & ReportFlags.Orphan) == 0) return;
        if (stream.Orphaned) receiver.OnAnnounced(now, report.Highest, inOrder: true);       // P-67: so everybody learns where the stream ends
        bool any = false;
        for (int i = 0; i < report.RangeCount; i++) any |= Want(stream, receiver, report[i].First, report[i].Last);
        // What the reporter does not even know of, it cannot ask for.
        if (report.Highest < receiver.Highest) any |= Want(stream, receiver, report.Highest + 1, receiver.Highest);
        if (any && stream.Orphan.DueAt == Timestamp.Never) stream.Orphan.DueAt = now + Delay(stream, reporter);
    }

    /// <summary>Another holder repaired it: this node need not.</summary>
    public void OnOverheard(Peer stream, ulong sequence, ReadOnlySpan<byte> datagram)
    {
        // The wrapper is not authenticated; the same bytes as ours are: P-68.
        if (stream.Receiver is not { } receiver || !receiver.Ring.Holds(sequence) || !receiver.Ring.Wanted(sequence)) return;
        if (!receiver.Ring.Datagram(sequence).SequenceEqual(datagram)) return;
        receiver.Ring.Wanted(sequence) = false;
        _context.Counters.RepairsForOthersSuppressed++;
    }

    /// <summary>When the next stream is due.</summary>
    public Timestamp Deadline
    {
        get
        {
            var deadline = Timestamp.Never;
            foreach (var peer in _peers.All) deadline = Timestamp.Min(deadline, peer.Orphan.DueAt);
            return deadline;
        }
    }

    /// <summary>Repairs what is due, within the budget.</summary>
    public void Pump<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        foreach (var stream in _peers.All)
        {
            if (stream.Orphan.DueAt > now || stream.Receiver is not { } receiver) continue;
            _budget.Refill(now);
            if (!TryServe(stream, receiver, ref sink))
            {
                _context.Counters.RepairBudgetExhausted++;
                stream.Orphan.DueAt = Timestamp.Max(_budget.ReadyAt, now + TimeSpan.FromMicroseconds(100));
                continue;
            }
            stream.Orphan = OrphanState.Idle;
        }
    }

    private bool TryServe<TSink>(Peer stream, StreamReceiver receiver, ref TSink sink) where TSink : struct, IEngineSink
    {
        for (; stream.Orphan.First <= stream.Orphan.Last; stream.Orphan.First++)
        {
            ulong sequence = stream.Orphan.First;
            if (!receiver.Ring.Holds(sequence) || !receiver.Ring.Wanted(sequence)) continue;
            if (!_budget.TryTake(0)) return false;
            receiver.Ring.Wanted(sequence) = false;
            var datagram = _context.Control.Repair(receiver.Ring.Datagram(sequence));
            _budget.TryTake(datagram.Length);
            _context.Control.SendToGroup(datagram, _peers, ref sink);
            _context.Counters.RepairsForOthersSent++;
        }
        return true;
    }

    private static bool Want(Peer stream, StreamReceiver receiver, ulong first, ulong last)
    {
        ulong held = (ulong)receiver.Ring.Capacity, highest = receiver.Contiguous + held;
        first = Math.Max(first, receiver.Contiguous >= held ? receiver.Contiguous - held + 1 : 1);
        last = Math.Min(last, highest);
        bool any = false;
        for (ulong sequence = first; sequence <= last; sequence++)
        {
            if (!receiver.Ring.Holds(sequence)) continue;
            receiver.Ring.Wanted(sequence) = true;
            stream.Orphan.First = stream.Orphan.Last == 0 ? sequence : Math.Min(stream.Orphan.First, sequence);
            stream.Orphan.Last = Math.Max(stream.Orphan.Last, sequence);
            any = true;
        }
        return any;
    }

    /// <summary>Holders answer one after the other, by their place among the nodes, so that the first one suppresses the rest (P-66).</summary>
    private TimeSpan Delay(Peer stream, Peer reporter)
    {
        int rank = 0;
        foreach (var peer in _peers.All)
        {
            if (peer != stream && peer != reporter && peer.Member.State == MemberState.Live && peer.Node.Value < _context.Self.Value) rank++;
        }
        return Reporter.RoundTrip(reporter) * rank + _context.Random.NextSpan(TimeSpan.FromMicroseconds(200));
    }
}

/// <summary>The part of an orphaned stream that others lack, as far as this node will repair it.</summary>
internal struct OrphanState
{
    public static readonly OrphanState Idle = new() { DueAt = Timestamp.Never };

    public Timestamp DueAt;
    public ulong First;
    public ulong Last;
}

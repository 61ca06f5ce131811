using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Repairs this node's stream from a budget of its own, member after member. Rules P-60 to P-64.</summary>
internal sealed class RepairService
{
    private const int Turn = 8;                            // repairs for one member before the next has its turn: P-62
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private TokenBucket _budget;
    private int _nextPeer;
    private bool _pending;

    public RepairService(EngineContext context, PeerTable peers, StreamSender sender)
    {
        _context = context;
        _peers = peers;
        _sender = sender;
        var options = context.Options;
        _budget = new TokenBucket(options.RepairBytesPerSecond, Math.Max((long)options.RepairOutstandingDatagrams * options.DatagramBytes, options.RepairBytesPerSecond / 1000));
    }

    /// <summary>When the budget allows the next repair.</summary>
    public Timestamp Deadline => _pending ? _budget.ReadyAt : Timestamp.Never;

    /// <summary>Notes what a member lacks.</summary>
    public void OnReport<TSink>(Timestamp now, Peer peer, in ReportView report, ref TSink sink) where TSink : struct, IEngineSink
    {
        if ((report.Flags & ReportFlags.WithoutRanges) != 0) return;
        peer.View.Outstanding = 0;
        if (report.RangeCount == 0)
        {
            peer.View.WantNothing();
            return;
        }
        _context.Counters.RepairRequestsReceived++;
        peer.View.Want(report, _sender.Oldest, _sender.Sent);
        _pending = true;
        if (report[0].First < _sender.Oldest) SendGone(now, peer, ref sink);
    }

    /// <summary>Sends repairs as far as the budget goes.</summary>
    public void Pump<TSink>(Timestamp now, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (!_pending) return;
        _budget.Refill(now);
        int idle = 0;
        while (idle < _peers.All.Count)
        {
            if (_nextPeer >= _peers.All.Count) _nextPeer = 0;
            switch (Serve(now, _peers.All[_nextPeer], ref sink))
            {
                case Served.OutOfBudget:
                    _context.Counters.RepairBudgetExhausted++;
                    return;
                case Served.Nothing:
                    idle++;
                    break;
                default:
                    idle = 0;
                    break;
            }
            _nextPeer++;
        }
        _pending = false;
    }

    private Served Serve<TSink>(Timestamp now, Peer peer, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (!peer.View.Wants) return Served.Nothing;
        if (peer.View.Outstanding >= _context.Options.RepairOutstandingDatagrams)
        {
            peer.View.WantNothing();                       // its next report asks again for what is still missing
            _context.Counters.RepairBudgetExhausted++;
            return Served.Nothing;
        }
        var holdOff = HoldOff(peer);
        for (int sent = 0; sent < Turn && peer.View.Wants;)
        {
            if (!_budget.TryTake(0)) return Served.OutOfBudget;
            peer.View.TryNext(out ulong sequence);
            if (!_sender.TryGetSent(sequence, out var original)) continue;
            ulong others = OthersWanting(peer, sequence);
            ulong own = 1UL << peer.Ordinal;
            // Who asks again for what went to the group may be one whom multicast does not reach: P-69.
            bool toGroup = (others != 0 || _peers.IsLarge) && !_sender.WasRepairedFor(sequence, own);
            if (!_sender.TryClaimRepair(now, sequence, toGroup ? ulong.MaxValue : own, own, holdOff))
            {
                _context.Counters.RepairRequestsCrossed++;
                continue;
            }
            var datagram = _context.Control.Repair(original);
            _budget.TryTake(datagram.Length);
            if (toGroup) _context.Control.SendToGroup(datagram, _peers, ref sink);
            else _context.Control.Send(peer, datagram, ref sink);
            if (others != 0) _context.Counters.RepairRequestsMerged++;
            _context.Counters.RepairsSent++;
            peer.View.Outstanding++;
            sent++;
        }
        return Served.Something;
    }

    /// <summary>How long a repair is on its way: reports that cross it ask in vain (P-61).</summary>
    private static TimeSpan HoldOff(Peer peer)
    {
        var holdOff = Reporter.RoundTrip(peer) * 1.5;
        return holdOff > TimeSpan.FromMilliseconds(1) ? holdOff : TimeSpan.FromMilliseconds(1);
    }

    private ulong OthersWanting(Peer but, ulong sequence)
    {
        ulong others = 0;
        foreach (var peer in _peers.All)
        {
            if (peer != but && peer.View.StillWants(sequence)) others |= 1UL << peer.Ordinal;
        }
        return others;
    }

    private void SendGone<TSink>(Timestamp now, Peer peer, ref TSink sink) where TSink : struct, IEngineSink
    {
        if (now - peer.View.GoneSentAt < HoldOff(peer)) return;
        peer.View.GoneSentAt = now;
        var control = _context.Control;
        int length = GoneView.Write(control.Body(DatagramType.Gone), peer.Node, peer.Incarnation, _sender.Oldest, peer.View.Ejected);
        control.Send(peer, control.Finish(DatagramType.Gone, length), ref sink);
        _context.Counters.GoneSent++;
    }

    private enum Served { Nothing, Something, OutOfBudget }
}

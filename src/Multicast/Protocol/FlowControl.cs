using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>What the members' reports allow our sender: one minimum for flow and stability, and who is not waited for. Rules P-70 to P-76.</summary>
internal sealed class FlowControl
{
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly StreamSender _sender;
    private bool _appliedAdvanced;

    public FlowControl(EngineContext context, PeerTable peers, StreamSender sender)
    {
        _context = context;
        _peers = peers;
        _sender = sender;
    }

    /// <summary>Some member's applied sequence advanced since this was last asked.</summary>
    public bool TakeAppliedAdvanced()
    {
        bool advanced = _appliedAdvanced;
        _appliedAdvanced = false;
        return advanced;
    }

    /// <summary>Begins to wait for a member whose stream was admitted; it counts from its first report on.</summary>
    public void Begin(Peer peer, Timestamp judging)
    {
        peer.View.ProgressAt = judging;
        peer.Member.WaitedFor = peer.Member.Role == MemberRole.Data;           // P-75: a witness holds no state
        Update();
    }

    /// <summary>Takes a report of our stream.</summary>
    public void OnReport(Timestamp judging, Peer peer, in ReportView report, bool newest)
    {
        var member = peer.Member;
        if (report.Contiguous > _sender.Sent) return;      // of an earlier life's stream, or invented
        if (report.Contiguous > member.ReceivedThrough)
        {
            member.ReceivedThrough = report.Contiguous;
            peer.View.ProgressAt = judging;
        }
        if (report.Applied > member.AppliedThrough)
        {
            member.AppliedThrough = report.Applied;
            _appliedAdvanced = true;
        }
        peer.View.Reported = true;
        if (newest) peer.View.Window = Math.Clamp(report.Window, 1, 1 << 20);
        ReconsiderWaiting(judging, peer);
        Update();
    }

    /// <summary>Stops waiting for a member that is lost or leaves.</summary>
    public void StopWaiting(Peer peer)
    {
        peer.Member.WaitedFor = false;
        peer.View.Blocking = TimeSpan.Zero;
        Update();
    }

    /// <summary>Ejects who holds the others up. <paramref name="elapsed"/> is the judged time since the last call.</summary>
    public void Judge(Timestamp judging, TimeSpan elapsed)
    {
        var options = _context.Options;
        bool blocked = _sender.IsBlocked;
        int waited = 0, blocking = 0;
        foreach (var peer in _peers.All)
        {
            if (!peer.Member.WaitedFor) continue;
            waited++;
            if (peer.View.Reported && peer.Member.ReceivedThrough >= _sender.Sent) peer.View.ProgressAt = judging;
            if (Holds(peer)) blocking++;
        }
        foreach (var peer in _peers.All)
        {
            if (!peer.Member.WaitedFor) continue;
            bool holds = blocked && Holds(peer);
            bool alone = holds && blocking == 1 && waited > 1;
            peer.View.Blocking = alone ? peer.View.Blocking + elapsed : Max(TimeSpan.Zero, peer.View.Blocking - elapsed);
            bool silent = !peer.View.Reported && judging - peer.View.ProgressAt >= options.StallAfter;          // heard, yet it does not hear us
            if (holds && judging - peer.View.ProgressAt >= options.LagTimeout || peer.View.Blocking >= options.SlowTimeout || silent) Eject(peer);       // P-73, P-74
        }
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    /// <summary>The member's window, or the repair window behind it, is used up.</summary>
    private bool Holds(Peer peer) => peer.View.Reported
        && (peer.Member.ReceivedThrough + peer.View.Window <= _sender.Sent || (peer.Member.ReceivedThrough == _sender.Stable && _sender.PublishableBytes == 0));

    private void Eject(Peer peer)
    {
        peer.Member.WaitedFor = false;
        peer.View.Ejected = true;
        peer.View.Blocking = TimeSpan.Zero;
        _context.Counters.Ejections++;
        Update();
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.Ejected);
    }

    /// <summary>Waits for a member again that lacks nothing which is gone, has nearly caught up and, if it was ejected, says that it is synchronised (P-75).</summary>
    private void ReconsiderWaiting(Timestamp judging, Peer peer)
    {
        var member = peer.Member;
        if (member.WaitedFor || member.State != MemberState.Live || peer.Leaving || member.Role != MemberRole.Data) return;
        if (member.ReceivedThrough + 1 < _sender.Oldest || _sender.Sent - member.ReceivedThrough > peer.View.Window / 2) return;
        if (peer.View.Ejected && !member.Synchronised) return;
        peer.View.Ejected = false;
        peer.View.ProgressAt = judging;
        member.WaitedFor = true;
    }

    /// <summary>Recomputes both minimums.</summary>
    private void Update()
    {
        ulong limit = ulong.MaxValue, stable = ulong.MaxValue;
        foreach (var peer in _peers.All)
        {
            if (!peer.Member.WaitedFor || !peer.View.Reported) continue;
            stable = Math.Min(stable, peer.Member.ReceivedThrough);
            limit = Math.Min(limit, peer.Member.ReceivedThrough + peer.View.Window);
        }
        _sender.Stable = stable;
        _sender.FlowLimit = limit;
    }
}

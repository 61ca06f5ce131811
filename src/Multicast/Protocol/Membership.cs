using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>Who is alive, who is lost, and what becomes of a lost one's stream. Rules P-80 to P-88.</summary>
internal sealed class Membership
{
    /// <summary>A path is lost after so many probe intervals without a datagram: eight in a row are not lost by chance (P-90).</summary>
    public const int ProbesBeforeLost = 8;

    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(5);
    private readonly EngineContext _context;
    private readonly PeerTable _peers;
    private readonly FlowControl _flow;
    private Timestamp _tickedAt = Timestamp.Never;

    public Membership(EngineContext context, PeerTable peers, FlowControl flow)
    {
        _context = context;
        _peers = peers;
        _flow = flow;
        TickInterval = context.Options.Heartbeat / 2;
    }

    /// <summary>Time between two judgements.</summary>
    public TimeSpan TickInterval { get; }

    /// <summary>The link of this node carries.</summary>
    public bool LinkUp { get; set; } = true;

    /// <summary>Begins to watch an admitted member.</summary>
    public void Begin(Timestamp now, Peer peer)
    {
        var judging = _context.Judging(now);
        peer.HeardAt = judging;
        peer.Member.LastHeard = now;
        peer.Paths.Begin(judging);
    }

    /// <summary>An authentic, new datagram of the member came from itself.</summary>
    public void OnHeard(Timestamp now, Peer peer, ReceivePath path)
    {
        var judging = _context.Judging(now);
        peer.HeardAt = Timestamp.Max(peer.HeardAt, judging);
        peer.Member.LastHeard = now;
        peer.Paths.Heard(path, judging);
        if (peer.Member.State != MemberState.Suspected || peer.Leaving) return;
        peer.Member.State = MemberState.Live;
        peer.Schedule.Hurry(now);
        _context.Counters.Restorations++;
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.Restored);
    }

    /// <summary>Takes over what a member says of itself, if it is newer than what is known.</summary>
    public void OnState(Peer peer, uint stateNumber, bool synchronised)
    {
        if (stateNumber <= peer.StateNumber) return;
        peer.StateNumber = stateNumber;
        if (peer.Member.Synchronised == synchronised) return;
        peer.Member.Synchronised = synchronised;
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.SynchronisedChanged);
    }

    /// <summary>The member says goodbye; what it sent is completed first (P-86).</summary>
    public void OnLeave(Timestamp now, Peer peer, ulong highest)
    {
        if (peer.Leaving) return;
        peer.Leaving = true;
        peer.LostAt = _context.Judging(now);
        peer.Receiver!.OnAnnounced(now, highest, inOrder: false);
        peer.Schedule.Hurry(now);
        _flow.StopWaiting(peer);
    }

    /// <summary>Counts the time in which this node itself did not run, and does not hold it against the others (P-82). Call at every tick, first.</summary>
    public void OnTime(Timestamp now)
    {
        var late = _tickedAt == Timestamp.Never ? TimeSpan.Zero : now - _tickedAt - TickInterval;
        if (late > TickInterval)
        {
            _context.Discount += late;
            _context.Counters.LateTicks++;
            EndPause(_context.Judging(now));
        }
        _tickedAt = now;
    }

    /// <summary>Judges every member. Call with the tick interval.</summary>
    public void Judge(Timestamp now)
    {
        var options = _context.Options;
        var judging = _context.Judging(now);
        var deadAfter = LinkUp ? options.DeadAfter : options.Heartbeat * 3;                                    // P-83
        for (int i = _peers.All.Count - 1; i >= 0; i--)
        {
            var peer = _peers.All[i];
            if (peer.Receiver is not { } receiver) continue;
            receiver.PromoteAnnounced(now, Quiet);
            if (options.Transport == GroupTransport.Multicast) peer.Paths.Judge(judging, options.ProbeInterval * ProbesBeforeLost);
            if (peer.Member.State == MemberState.Live && !peer.Leaving && judging - peer.HeardAt >= deadAfter) Suspect(now, peer);       // P-81
            if (peer.Orphaned) JudgeLost(judging, peer, receiver);
            else if (receiver.HasGap && judging - receiver.LastProgressAt >= options.StallAfter) receiver.GiveUpAll(GapReason.Gone);       // P-59
        }
    }

    /// <summary>Removes a member: what is still missing of its stream is given up visibly.</summary>
    public void Remove(Peer peer)
    {
        if (peer.Receiver is { } receiver)
        {
            if (!receiver.IsComplete) receiver.GiveUpAll(GapReason.Gone);
            receiver.TellGap();
        }
        peer.Member.State = MemberState.Left;
        peer.Member.WaitedFor = false;
        bool admitted = peer.Admitted;
        _peers.Remove(peer);
        _flow.StopWaiting(peer);
        if (!admitted) return;
        _context.Counters.Departures++;
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.Left);
    }

    // What waited in the sockets was read before the pause was discounted: stamped so far ahead, a member that died meanwhile would live on for as long as the pause lasted.
    private void EndPause(Timestamp judging)
    {
        foreach (var peer in _peers.All)
        {
            peer.HeardAt = Timestamp.Min(peer.HeardAt, judging);
            peer.LostAt = Timestamp.Min(peer.LostAt, judging);
            peer.View.ProgressAt = Timestamp.Min(peer.View.ProgressAt, judging);
            peer.Paths.EndPause(judging);
            peer.Receiver?.EndPause(judging);
        }
    }

    private void Suspect(Timestamp now, Peer peer)
    {
        peer.Member.State = MemberState.Suspected;
        peer.LostAt = _context.Judging(now);
        peer.View.WantNothing();
        peer.Schedule.Hurry(now);                          // tell the other receivers what is held of its stream: P-67
        _context.Counters.Suspicions++;
        _flow.StopWaiting(peer);
        _context.Handler.OnMemberChanged(peer.Member, MemberChange.Suspected);
    }

    private void JudgeLost(Timestamp judging, Peer peer, StreamReceiver receiver)
    {
        var giveUpAfter = _context.Options.GiveUpAfter;
        bool waitedEnough = judging - peer.LostAt >= giveUpAfter && judging - receiver.LastProgressAt >= giveUpAfter;
        if (!receiver.IsComplete && waitedEnough) receiver.GiveUpAll(GapReason.Gone);                          // P-58
        if (receiver.IsComplete && judging - peer.LostAt >= giveUpAfter * 2) peer.Schedule.Stop();
        if (peer.Leaving && receiver.IsComplete && judging - peer.LostAt >= TickInterval) Remove(peer);
    }
}

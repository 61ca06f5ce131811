using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>One service's voter: whom it echoes and until when that binds it, for whom it would vote, and its votes (ARCHITECTURE 6, vote and recovering).</summary>
internal sealed class Voter
{
    private readonly ElectionContext _context;
    private readonly ServiceState _state;
    private ulong _incarnation;
    private Timestamp _until;
    private NodeId _transferTarget;
    private Timestamp _transferUntil;
    private (uint Term, NodeId For, SynchronisedSet Set, bool IsReleased) _nomination;

    internal Voter(ElectionContext context, ServiceState state)
    {
        _context = context;
        _state = state;
        FreeSince = context.AbstainUntil;
    }

    /// <summary>For whom it voted, or whose claim it echoes; <see cref="NodeId.None"/>: nobody.</summary>
    internal NodeId Bound { get; private set; }

    /// <summary>The bound node has won its term.</summary>
    internal bool BoundToPrimary { get; private set; }

    /// <summary>When the bound node sent the newest claim that arrived here, on that node's clock.</summary>
    internal ulong BoundSent { get; private set; }

    /// <summary>Since when it is free.</summary>
    internal Timestamp FreeSince { get; private set; }

    /// <summary>Who released the service last, and may not be the best choice for a while.</summary>
    internal NodeId ReleasedBy { get; private set; }

    /// <summary>When something changes by itself.</summary>
    internal Timestamp Deadline
    {
        get
        {
            Timestamp deadline = Bound != NodeId.None ? _until : Timestamp.Never;
            if (_context.Now < _context.AbstainUntil) deadline = Timestamp.Min(deadline, _context.AbstainUntil);
            return _context.Now < _transferUntil ? Timestamp.Min(deadline, _transferUntil) : deadline;
        }
    }

    /// <summary>Whether an echo, or a vote, still binds it.</summary>
    internal bool IsBound => Bound != NodeId.None && _context.Now < _until;

    /// <summary>The member to which the primary has just handed the service over; none: nobody.</summary>
    internal NodeId TransferTarget => _context.Now < _transferUntil ? _transferTarget : NodeId.None;

    /// <summary>This node is nominated, and has stored all that a hand-over needs.</summary>
    internal bool IsPrepared => IsBound && BoundToPrimary && _nomination.For == _context.Self && _nomination.Term == _state.Term && _state.SetIsStored && _state.Set.IsSameAs(_nomination.Set) && _state.HasReserved(_state.Term + 1, _context.Self);

    /// <summary>The primary of the term before handed over to this node as it had nominated it, and its synchronised set, committed then, is the newest that exists.</summary>
    internal bool InheritsSet => _nomination.IsReleased && _nomination.For == _context.Self && _nomination.Term + 1 == _state.Term && _state.Set.IsSameAs(_nomination.Set);

    /// <summary>Slots for which it would vote now: the answer to every pre-vote, standing in every beat.</summary>
    internal ushort Supports
    {
        get
        {
            if (_context.SelfSlot < 0 || _state.Role != ElectionRole.None || _context.Now < _context.AbstainUntil || IsBound) return 0;
            if (_context.View.SlotOf(TransferTarget) is >= 0 and int target) return (ushort)(1 << target);
            return Eligible(out _);
        }
    }

    /// <summary>Who may be elected, if anyone may, and how that would be.</summary>
    internal ushort Eligible(out ElectionKind kind)
    {
        kind = ElectionKind.Ordinary;
        ushort data = _context.View.Data;
        if (!_state.Options.HoldsState) return data;
        ushort heard = 0, synchronised = 0;
        bool claimed = false, accepted = _state.LossAccepted;
        SynchronisedSet newest = _state.Set;
        int fresh = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if ((_context.View.Voters >> slot & 1) == 0) continue;
            ushort bit = (ushort)(1 << slot);
            if (slot == _context.SelfSlot)
            {
                heard |= bit;
                if (_state.Set.HoldsNothing) fresh++;
                if (!_state.Recovering) synchronised |= bit;
            }
            else if (_context.FreshAt(slot) is { } peer)
            {
                ref readonly ServiceSection section = ref peer[_state.Index];
                heard |= bit;
                if (section.Set.HoldsNothing) fresh++;
                if (section.Set.IsNewerThan(newest)) newest = section.Set;
                if ((section.Flags & SectionFlags.Recovering) == 0) synchronised |= bit;
                claimed |= section.Role == ElectionRole.Primary && section.Term >= _state.Term;
                accepted |= (section.Flags & SectionFlags.LossAccepted) != 0 && section.Term >= _state.Term; // what was said before a primary was elected is over
            }
        }
        synchronised &= data;
        bool house = (heard & data) == data;
        ushort members = (ushort)(_state.Set.Members & data);
        if (!_state.Recovering && (members & synchronised) != 0 && !accepted) return members;
        if (synchronised == 0 && !claimed && (house || IsFirstStart(fresh)))
        {
            kind = ElectionKind.ColdStart;
            return (ushort)(data & heard);
        }
        // What this node has forgotten its vote need not know: its set is on the disk, and the winner counts who of that set remembers before it serves.
        if (!claimed && (members & synchronised) != 0 && !accepted) return (ushort)(members & synchronised);
        bool lossAllowed = !claimed && (accepted || (_state.Options.OnLoss == OnLoss.Serve && _context.Now >= FreeSince + _state.Options.OnLossAfter));
        if (lossAllowed)
        {
            kind = ElectionKind.WithLoss;
            if ((newest.Members & synchronised) != 0) return (ushort)(newest.Members & synchronised); // voters that know different sets must come to one winner: election seed 25756
            return synchronised != 0 ? synchronised : (ushort)(data & heard);
        }
        return _state.Recovering ? (ushort)0 : members;
    }

    /// <summary>Handles what a member says about the service.</summary>
    internal void OnSection(ElectionPeer peer)
    {
        ref readonly ServiceSection section = ref peer[_state.Index];
        if (peer.Node == Bound && peer.Incarnation == _incarnation && (section.Role == ElectionRole.None || section.Term != _state.Term)) Release(peer, section);
        switch (section.Role)
        {
            case ElectionRole.Primary: OnClaim(peer, section); break;
            case ElectionRole.Candidate: OnRequest(peer, section); break;
            default: break;
        }
        if (section.Role == ElectionRole.Primary && peer.Node == Bound && section.Term == _state.Term && section.Set.IsNewerThan(_state.Set)) _state.Take(section.Set);
        if (section.Role == ElectionRole.Primary && peer.Node == Bound && section.Term == _state.Term) NoteNomination(section);
    }

    /// <summary>The slots mean other nodes now.</summary>
    internal void OnView() => _nomination = default;

    /// <summary>Votes for this node itself.</summary>
    internal void VoteForSelf(uint term)
    {
        _state.Vote(term, _context.Self);
        Unbind();
    }

    /// <summary>A vote could not be stored: nobody has heard of it, and it is void.</summary>
    internal void OnNotStored()
    {
        if (BoundToPrimary) return;
        Unbind();
        FreeSince = _context.Now;
    }

    /// <summary>This node claims no longer: it is free, or consents to one member for as long as others that have not heard of it are bound.</summary>
    internal void OnOwnRelease(NodeId transferTarget)
    {
        FreeSince = _context.Now;
        ReleasedBy = _context.Self;
        _transferTarget = transferTarget;
        _transferUntil = transferTarget == NodeId.None ? default : _context.Now + _context.Options.DeadAfter;
    }

    /// <summary>Sees that a binding has lapsed, and looks again at requests that came too early.</summary>
    internal void Tick()
    {
        if (Bound != NodeId.None && !IsBound)
        {
            NodeId lapsed = Bound;
            Unbind();
            FreeSince = _context.Now;
            ReleasedBy = NodeId.None;
            _context.Sink.Log(ElectionEvent.Progress, $"service {_state.Options.Name}: {_context.NameOf(lapsed)} is not heard as its primary for longer than dead-after");
        }
        if (IsBound || _state.Role != ElectionRole.None) return;
        for (int slot = 0; slot < ElectionOptions.MaxMembers && !IsBound; slot++)
            if (_context.FreshAt(slot) is { } peer && peer[_state.Index].Role == ElectionRole.Candidate) OnRequest(peer, peer[_state.Index]);
    }

    /// <summary>This node itself was late: what it has not read yet may renew the binding.</summary>
    internal void Extend(TimeSpan grace)
    {
        if (Bound != NodeId.None) _until = Timestamp.Max(_until, _context.Now + grace);
    }

    // The bound node says itself that it claims the term no longer: nothing that was echoed can serve it any more.
    private void Release(ElectionPeer peer, in ServiceSection section)
    {
        FreeSince = _context.Now;
        ReleasedBy = peer.Node;
        _transferTarget = section.Transfer == BeatExtension.NoSlot || section.Role != ElectionRole.None ? NodeId.None : _context.View.NodeOf(section.Transfer);
        bool asNominated = _transferTarget != NodeId.None && _transferTarget == _nomination.For && section.Term == _nomination.Term && section.Set.IsSameAs(_nomination.Set);
        _nomination = asNominated ? _nomination with { IsReleased = true } : default;
        _transferUntil = _transferTarget == NodeId.None ? default : Timestamp.Min(_until, peer.ReceivedAt + _context.Options.DeadAfter); // however late this node reads it
        Unbind();
    }

    private void OnClaim(ElectionPeer peer, in ServiceSection section)
    {
        if (section.Term < _state.Term || (section.Term == _state.Term && _state.Role == ElectionRole.Primary)) return;
        if (section.Term == _state.Term && IsBound && Bound != peer.Node) return;
        _state.Follow(section.Term);
        _state.FollowWinner();
        Bind(peer);
        BoundToPrimary = true;
        _transferUntil = default;
        _state.LossAcceptedUntil = default;
    }

    private void NoteNomination(in ServiceSection section)
    {
        NodeId nominee = section.Transfer == BeatExtension.NoSlot ? NodeId.None : _context.View.NodeOf(section.Transfer);
        _nomination = nominee == NodeId.None ? default : (section.Term, nominee, section.Set, false);
        if (nominee != NodeId.None) _state.Reserve(section.Term + 1, nominee);
    }

    private void OnRequest(ElectionPeer peer, in ServiceSection section)
    {
        if (section.Term == _state.Term && peer.Node == Bound && peer.Incarnation == _incarnation)
        {
            Bind(peer);
            return;
        }
        if (section.Term <= _state.Term || peer.Slot < 0 || (Supports >> peer.Slot & 1) == 0 || !_state.MayVote(section.Term, peer.Node)) return;
        _state.Vote(section.Term, peer.Node);
        Bind(peer);
        BoundToPrimary = false;
    }

    private void Bind(ElectionPeer peer)
    {
        bool same = Bound == peer.Node && _incarnation == peer.Incarnation;
        (Bound, _incarnation) = (peer.Node, peer.Incarnation);
        BoundSent = same ? Math.Max(BoundSent, peer.Sent) : peer.Sent;
        Timestamp until = peer.ReceivedAt + _context.Options.DeadAfter;
        _until = same ? Timestamp.Max(_until, until) : until;
    }

    private void Unbind()
    {
        Bound = NodeId.None;
        BoundToPrimary = false;
        BoundSent = 0;
    }

    // A majority that has stored no set of members that hold something: none was committed since the last cold start, so nothing was acknowledged since. This voter must be one of them:
    // what it has heard of the others may be older than what they have stored.
    private bool IsFirstStart(int fresh) =>
        _state.Set.HoldsNothing && fresh >= _context.Needed && (_context.Options.Quorum || _context.Now >= _context.AbstainUntil + _context.Options.DeadAfter * 4);
}

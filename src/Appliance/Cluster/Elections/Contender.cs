using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>One service's candidate and primary: when this node stands, whether it has won, and until when its lease lasts (ARCHITECTURE 6, vote).</summary>
internal sealed class Contender
{
    private const int MaxPatience = 5;
    private readonly ElectionContext _context;
    private readonly ServiceState _state;
    private readonly Voter _voter;
    private readonly Ranking _ranking;
    private readonly SetProposals _sets;
    private readonly ulong[] _echoes = new ulong[ElectionOptions.MaxMembers];
    private Timestamp _claimedSince;
    private Timestamp _candidateUntil;
    private Timestamp _standAt = Timestamp.Never;
    private Timestamp _notBefore;
    private ElectionKind _kind;
    private int _attempts;

    internal Contender(ElectionContext context, ServiceState state, Voter voter)
    {
        _context = context;
        _state = state;
        _voter = voter;
        _ranking = new Ranking(context, state, voter);
        _sets = new SetProposals(context, state);
    }

    /// <summary>The lease of the term that this node has won; the past without one.</summary>
    internal Timestamp LeaseUntil { get; private set; }

    /// <summary>What it claims in beats may be believed until then.</summary>
    internal Timestamp ClaimUntil => _state.Role switch
    {
        ElectionRole.Primary => LeaseUntil,
        ElectionRole.Candidate => _candidateUntil,
        _ => Timestamp.Never,
    };

    /// <summary>When something changes by itself.</summary>
    internal Timestamp Deadline => _state.Role == ElectionRole.None ? _standAt : ClaimUntil;

    /// <summary>The member to which this node hands over what it must not keep; see <see cref="Ranking"/>.</summary>
    internal Ranking Ranking => _ranking;

    /// <summary>Proposals of the primary.</summary>
    internal SetProposals Sets => _sets;

    /// <summary>As primary: to whom this node is about to hand over.</summary>
    internal NodeId Nominee { get; private set; }

    /// <summary>The slot of <see cref="Nominee"/> while all that it may take for granted is true; -1 otherwise.</summary>
    internal int NomineeSlot
    {
        get
        {
            int slot = Nominee == NodeId.None ? -1 : _context.View.SlotOf(Nominee);
            bool isSettled = slot >= 0 && _state.Role == ElectionRole.Primary && _sets.IsSettled && _ranking.WhyNot(slot) is null;
            return isSettled && _state.HasReserved(_state.Term + 1, Nominee) ? slot : -1;
        }
    }

    /// <summary>The nominee has stored all that it needs.</summary>
    internal bool NomineeIsPrepared => NomineeSlot is >= 0 and int slot && _context.FreshAt(slot) is { } peer && peer[_state.Index] is var section
        && (section.Flags & SectionFlags.Prepared) != 0 && section.Term == _state.Term && section.Set.IsSameAs(_state.Set);

    /// <summary>See <see cref="ElectionEngine.Nominate"/>.</summary>
    internal void Nominate(NodeId target)
    {
        Nominee = _state.Role == ElectionRole.Primary ? target : NodeId.None;
        if (Nominee != NodeId.None) _state.Reserve(_state.Term + 1, target);
    }

    /// <summary>A member's section came: it may hold an echo of ours, or a claim above ours.</summary>
    internal void OnSection(ElectionPeer peer)
    {
        ref readonly ServiceSection section = ref peer[_state.Index];
        if (_state.Role == ElectionRole.None) return;
        if (section.Role == ElectionRole.Primary && IsAboveOurs(peer, section))
        {
            if (_state.Role == ElectionRole.Primary) Lose(_context.Now < LeaseUntil ? LeaseLoss.Superseded : LeaseLoss.Expired, NodeId.None);
            else Withdraw();
            return;
        }
        if (section.Term != _state.Term || section.Bound != _context.SelfSlot) return;
        if (section.BoundSent < (ulong)_claimedSince.Nanoseconds || section.BoundSent > (ulong)_context.Now.Nanoseconds) return;
        if (_state.Role == ElectionRole.Candidate && section.Set.IsNewerThan(_state.Set)) _state.Take(section.Set);
        _echoes[peer.Slot] = Math.Max(_echoes[peer.Slot], section.BoundSent);
        Count();
    }

    /// <summary>Time passed.</summary>
    internal void Tick()
    {
        switch (_state.Role)
        {
            case ElectionRole.Primary:
                Count();
                if (_context.Now >= LeaseUntil) Lose(LeaseLoss.Expired, NodeId.None);
                else _sets.Tick();
                break;
            case ElectionRole.Candidate:
                Count();
                if (_state.Role == ElectionRole.Candidate && _context.Now >= _candidateUntil) Withdraw();
                break;
            default:
                if (_voter is { IsBound: true, BoundToPrimary: true }) _attempts = 0;
                break;
        }
        ConsiderStanding();
    }

    /// <summary>What was to be stored is stored: this node's own vote counts from then on.</summary>
    internal void OnStored()
    {
        if (_state.Role == ElectionRole.Candidate) Count();
    }

    /// <summary>Stands if everything speaks for it now.</summary>
    internal void ConsiderStanding()
    {
        _standAt = Timestamp.Never;
        if (_state.Role != ElectionRole.None || !_context.SelfIsData) return;
        ushort supports = _voter.Supports;
        if ((supports >> _context.SelfSlot & 1) == 0) return;
        bool consent = _voter.TransferTarget == _context.Self;
        if (!consent)
        {
            int rank = _ranking.OfSelf(supports);
            Timestamp standAt = Timestamp.Max(_notBefore + _ranking.Stagger * (2 * rank), _voter.FreeSince + _ranking.Stagger * rank);
            if (_context.Now < standAt)
            {
                _standAt = standAt;
                return;
            }
            if (_ranking.Supporters() < _context.Needed) return;               // the pre-vote: without it no term is used up
        }
        Stand(consent);
    }

    /// <summary>Gives the service up at once.</summary>
    internal void Lose(LeaseLoss why, NodeId transferTarget)
    {
        uint term = _state.Term;
        _state.Role = ElectionRole.None;
        _state.Serving = false;
        LeaseUntil = default;
        _notBefore = _context.Now + _context.Options.DeadAfter;
        _sets.Forget();
        _state.Committed = 0;
        Nominee = NodeId.None;
        _context.Sink.OnLost(_state.Index, term, why);
        _voter.OnOwnRelease(transferTarget);
    }

    /// <summary>The slots mean other nodes now.</summary>
    internal void OnView(GroupView before, GroupView after)
    {
        for (int slot = 0; slot < _echoes.Length; slot++)
            if (before.NodeOf(slot) != after.NodeOf(slot)) _echoes[slot] = 0;
        if (_state.Role != ElectionRole.None && !_context.SelfIsData)
        {
            if (_state.Role == ElectionRole.Primary) Lose(LeaseLoss.Removed, NodeId.None);
            else Withdraw();
        }
    }

    /// <summary>What was voted or proposed could not be stored: nobody has heard of it, and it is void.</summary>
    internal void OnNotStored()
    {
        if (_state.Role == ElectionRole.Candidate) Withdraw();
        _sets.OnNotStored();
        _notBefore = _context.Now + _context.Options.DeadAfter;
    }

    private bool IsAboveOurs(ElectionPeer peer, in ServiceSection section)
    {
        if (section.Term != _state.Term) return section.Term > _state.Term;
        return _state.Role == ElectionRole.Candidate || peer.Slot < _context.SelfSlot;     // equal terms meet with quorum = off only
    }

    private void Stand(bool consent)
    {
        uint term = Math.Max(_state.Term, _state.TermFloor);
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
            if (_context.FreshAt(slot) is { } peer) term = Math.Max(term, peer[_state.Index].Term);
        if (term >= ElectionEngine.MaxTerm)
        {
            _context.Sink.Log(ElectionEvent.Warning, $"service {_state.Options.Name}: no term is left above {term}: the group must be started anew");
            _notBefore = _context.Now + TimeSpan.FromMinutes(1);
            return;
        }
        _ = _voter.Eligible(out _kind);
        if (consent) _kind = ElectionKind.HandOver;
        _voter.VoteForSelf(term + 1);
        _state.Role = ElectionRole.Candidate;
        _claimedSince = _context.Now;
        _candidateUntil = _context.Now + _context.Options.DeadAfter / 2 * (1 << Math.Min(_attempts, MaxPatience)); // disks may be slower than dead-after
        LeaseUntil = default;
        Array.Clear(_echoes);
        Count();
    }

    private void Withdraw()
    {
        _state.Role = ElectionRole.None;
        // Two that split the votes must not meet again: by rank, and, should they not hear each other, by waits that spread with every attempt.
        _attempts++;
        _context.Withdrawals++;
        uint spread = (uint)(_context.SelfSlot + 1) * 2_654_435_761u + (uint)_attempts * 2_246_822_519u;
        _notBefore = _context.Now + _ranking.Stagger * (1 + (spread >> 16) % (uint)Math.Min(_attempts, 8));
        _voter.OnOwnRelease(NodeId.None);
    }

    // The lease runs from the send time of the newest claim that a majority of the voters has echoed; this node's own echo is of now. While it is a candidate an echo is a vote: it counts once
    // it is stored. Others store theirs meanwhile: they are asked at once.
    private void Count()
    {
        Span<ulong> sent = stackalloc ulong[ElectionOptions.MaxMembers];
        int votes = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if ((_context.View.Voters >> slot & 1) == 0) continue;
            bool isOwn = slot == _context.SelfSlot && (_state.Role == ElectionRole.Primary || _state.VoteIsStored);
            ulong echoed = isOwn ? (ulong)_context.Now.Nanoseconds : _echoes[slot];
            if (echoed != 0) sent[votes++] = echoed;
        }
        int needed = _context.Needed;
        if (votes < needed) return;
        sent = sent[..votes];
        sent.Sort();
        Timestamp until = new Timestamp((long)sent[votes - needed]) + _context.Options.Lease;
        if (until <= LeaseUntil) return;
        LeaseUntil = until;
        if (_state.Role == ElectionRole.Primary) _context.Sink.OnLease(_state.Index, _state.Term, until);
        else if (_context.Now < until) Win();
    }

    private void Win()
    {
        _state.Role = ElectionRole.Primary;
        _attempts = 0;
        _state.LossAcceptedUntil = default;
        // The voters may know a newer set than this node did when it stood: one to which it does not belong, and that they have given up.
        if (_state.Options.HoldsState && _kind != ElectionKind.ColdStart && !_state.Set.Contains(_context.SelfSlot)) _kind = ElectionKind.WithLoss;
        string lost = _kind == ElectionKind.WithLoss ? _context.NamesOf((ushort)(_state.Set.Members & ~(1 << _context.SelfSlot))) : "";
        bool inherits = _kind == ElectionKind.HandOver && _voter.InheritsSet;
        if (_kind is ElectionKind.ColdStart) _sets.Begin((ushort)(1 << _context.SelfSlot), holdsNothing: true); // the others join once they have synchronised
        else if (_kind is ElectionKind.WithLoss) _sets.Begin((ushort)(1 << _context.SelfSlot));
        else if (inherits) _sets.Inherit();
        else _sets.Begin(_state.Set.Members);
        string how = _kind switch
        {
            ElectionKind.HandOver => "handed over to this node",
            ElectionKind.ColdStart => "cold start: no member holds anything",
            ElectionKind.WithLoss => $"without those who may hold more: acknowledged writes that only {lost} held are lost",
            _ => "elected",
        };
        _context.Sink.Log(_kind == ElectionKind.WithLoss ? ElectionEvent.Loss : ElectionEvent.Progress, $"service {_state.Options.Name}: primary in term {_state.Term}, {how}");
        _context.Sink.OnElected(_state.Index, _state.Term, LeaseUntil, _state.Set, _kind);
        if (inherits) _context.Sink.OnSynchronisedSet(_state.Index, _state.Set);
    }
}

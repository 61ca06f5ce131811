using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>The elections of one service on one node.</summary>
internal sealed class ServiceElection
{
    private readonly ElectionContext _context;
    private readonly Voter _voter;
    private readonly Contender _contender;
    private NodeId _toldPrimary;
    private Timestamp _wantedSince = Timestamp.Never;
    private Timestamp _wantedAgain;
    private bool _toldWaiting;
    private Timestamp _astraySince = Timestamp.Never;

    internal ServiceElection(ElectionContext context, ServiceState state)
    {
        _context = context;
        State = state;
        _voter = new Voter(context, state);
        _contender = new Contender(context, state, _voter);
    }

    /// <summary>What it is.</summary>
    internal ServiceState State { get; }

    /// <summary>The lease that this node holds; the past without one.</summary>
    internal Timestamp LeaseUntil => State.Role == ElectionRole.Primary ? _contender.LeaseUntil : default;

    /// <summary>What this node claims in beats may be believed until then.</summary>
    internal Timestamp ClaimUntil => _contender.ClaimUntil;

    /// <summary>The newest synchronised set is committed, as far as the primary knows.</summary>
    internal bool SetIsCommitted => _contender.Sets.IsCommitted;

    /// <summary>When something changes by itself.</summary>
    internal Timestamp Deadline => Timestamp.Min(_voter.Deadline, _contender.Deadline);

    /// <summary>Who is primary as far as this node knows.</summary>
    internal NodeId Primary => State.Role == ElectionRole.Primary ? _context.Self : _voter.IsBound && _voter.BoundToPrimary ? _voter.Bound : NodeId.None;

    /// <summary>What this node says about the service in its beats.</summary>
    internal ServiceSection Section
    {
        get
        {
            bool claims = State.Role != ElectionRole.None;
            int bound = claims ? _context.SelfSlot : _voter.IsBound && State.VoteIsStored ? _context.View.SlotOf(_voter.Bound) : -1;
            int transfer = claims ? _contender.NomineeSlot : _voter.ReleasedBy != _context.Self ? -1 : _context.View.SlotOf(_voter.TransferTarget);
            SectionFlags flags = (State.Recovering ? SectionFlags.Recovering : 0) | (State.Healthy ? SectionFlags.Healthy : 0)
                | (State.Drained ? SectionFlags.Drained : 0) | (State.Serving ? SectionFlags.Serving : 0)
                | (State.LossAccepted ? SectionFlags.LossAccepted : 0) | (_voter.IsPrepared ? SectionFlags.Prepared : 0)
                | (_context.Now < _context.AbstainUntil ? SectionFlags.Abstains : 0);
            return new ServiceSection(State.SaidTerm, State.Role, flags, SlotByte(bound), SlotByte(transfer), State.VoteIsStored ? _voter.Supports : (ushort)0, State.Options.Priority,
                claims || bound < 0 ? 0 : _voter.BoundSent, State.StoredSet, State.Position);
        }
    }

    /// <summary>A member's newest section.</summary>
    internal void OnSection(ElectionPeer peer)
    {
        _contender.OnSection(peer);
        _voter.OnSection(peer);
    }

    /// <summary>A beat came: stand, if it was the one that was missing.</summary>
    internal void AfterBeat()
    {
        if (State.Role == ElectionRole.Primary) _contender.Sets.Restate();
        _contender.ConsiderStanding();
        TellPrimary();
    }

    /// <summary>Time passed.</summary>
    internal void Tick()
    {
        _voter.Tick();
        _contender.Tick();
        TellPrimary();
        TellWaiting();
        if (State.Role == ElectionRole.Primary) WantHandOver();
        else _wantedSince = Timestamp.Never;
        BringBack();
    }

    /// <summary>This node itself was late.</summary>
    internal void Extend(TimeSpan grace) => _voter.Extend(grace);

    /// <summary>See <see cref="ElectionEngine.IsPrepared"/>.</summary>
    internal bool NomineeIsPrepared => _contender.NomineeIsPrepared;

    /// <summary>See <see cref="ElectionEngine.Nominate"/>.</summary>
    internal void Nominate(NodeId target) => _contender.Nominate(target);

    /// <summary>See <see cref="ElectionEngine.TransferTo"/>.</summary>
    internal string? TransferTo(NodeId target)
    {
        if (WhyNotTransferTo(target) is { } whyNot) return whyNot;
        if (!State.SetIsStored) return "a newer synchronised set is on its way to this node's disk"; // the target would take the one before for the newest
        _contender.Lose(LeaseLoss.HandedOver, target);
        return null;
    }

    /// <summary>See <see cref="ElectionEngine.WhyNotTransferTo"/>.</summary>
    internal string? WhyNotTransferTo(NodeId target)
    {
        if (State.Role != ElectionRole.Primary || _context.Now >= _contender.LeaseUntil) return "this node is not the primary";
        return _contender.Ranking.WhyNot(_context.View.SlotOf(target)) is { } whyNot ? $"{_context.NameOf(target)} cannot take it over: {whyNot}" : null;
    }

    /// <summary>See <see cref="ElectionEngine.WhyNotWanted"/>.</summary>
    internal string? WhyNotWanted(NodeId target) =>
        _context.View.SlotOf(target) is >= 0 and int slot && _context.FreshAt(slot) is { } peer && Ranking.WhyUnfit(peer[State.Index].Flags) is { } whyUnfit ? $"{_context.NameOf(target)} {whyUnfit}" : null;

    /// <summary>See <see cref="ElectionEngine.Release"/>.</summary>
    internal void Release()
    {
        if (State.Role == ElectionRole.Primary) _contender.Lose(LeaseLoss.Released, NodeId.None);
    }

    /// <summary>See <see cref="ElectionEngine.ProposeSynchronisedSet"/>.</summary>
    internal string? Propose(ushort members)
    {
        if (State.Role != ElectionRole.Primary || _context.Now >= _contender.LeaseUntil) return "this node is not the primary";
        if ((members >> _context.SelfSlot & 1) == 0) return "the primary itself must be in its synchronised set";
        if ((members & ~_context.View.Data) != 0) return "only data members of the group can be in a synchronised set";
        _contender.Sets.Propose(members);
        return null;
    }

    /// <summary>See <see cref="ElectionEngine.AcceptLoss"/>.</summary>
    internal void AcceptLoss(Timestamp until)
    {
        // Who knows of a later term takes what was said before it for over; what is accepted is the loss of all that is known of now.
        for (int slot = 0; slot < ElectionOptions.MaxMembers && State.Role == ElectionRole.None; slot++)
            if (_context.FreshAt(slot) is { } peer) State.Follow(peer[State.Index].Term);
        State.LossAcceptedUntil = until;
    }

    /// <summary>What was to be stored is stored.</summary>
    internal void OnStored() => _contender.OnStored();

    /// <summary>What was voted or proposed could not be stored.</summary>
    internal void OnNotStored()
    {
        _contender.OnNotStored();
        _voter.OnNotStored();
    }

    /// <summary>The slots mean other nodes now.</summary>
    internal void OnView(GroupView before, GroupView after)
    {
        State.OnView(before, after);
        _voter.OnView();
        _contender.OnView(before, after);
    }

    /// <summary>One line for <c>status</c>: why nobody is primary.</summary>
    internal string Describe()
    {
        if (Primary is var primary && primary != NodeId.None) return $"{_context.NameOf(primary)} is primary in term {State.Term}";
        if (_context.Now < _context.AbstainUntil) return "started less than dead-after ago: this node abstains";
        if (!State.VoteIsStored) return $"its vote for {_context.NameOf(State.VotedFor)} in term {State.Term} is on its way to this node's disk";
        if (_voter.IsBound) return $"voted for {_context.NameOf(_voter.Bound)} in term {State.Term}";
        if (TooFewVoters() is { } few) return few;
        ushort eligible = _voter.Eligible(out _);
        if (eligible == 0) return $"this node does not hold the state; the service waits for {Awaited()} (on-loss, accept-loss)";
        if ((eligible >> _context.SelfSlot & 1) != 0)
        {
            int supporters = _contender.Ranking.Supporters();
            return supporters >= _context.Needed ? "an election is under way"
                : $"{supporters} of {int.PopCount(_context.View.Voters)} voters would elect this node, {_context.Needed} are needed: {(State.Options.HoldsState ? "others do not hear it yet, or know of members that may hold more (on-loss, accept-loss)" : "others do not hear it yet")}";
        }
        return (eligible & Holding()) != 0 ? "an election of another member is under way" : $"waits for {Awaited()}, who may hold acknowledged writes (on-loss, accept-loss)";
    }

    /// <summary>Why it would help nothing to accept a loss here; null: it may.</summary>
    internal string? WhyNotAcceptLoss()
    {
        if (Primary is var primary && primary != NodeId.None && primary != _context.Self)
            return $"{_context.NameOf(primary)} is its primary in term {State.Term}: if it does not serve, accept the loss on that node";
        return TooFewVoters();
    }

    /// <summary>The present primary counts a member among those that hold everything.</summary>
    internal bool Counts(NodeId member) => Primary != NodeId.None && State.Set.Term == State.Term && State.Set.Contains(_context.View.SlotOf(member));

    private string? TooFewVoters()
    {
        int heard = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
            if ((_context.View.Voters >> slot & 1) != 0 && (slot == _context.SelfSlot || _context.FreshAt(slot) is not null)) heard++;
        return heard >= _context.Needed ? null : $"{heard} of {int.PopCount(_context.View.Voters)} voters are heard, this node among them: {_context.Needed} are needed";
    }

    // Slots of members that are heard and hold the state.
    private ushort Holding()
    {
        ushort holding = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            bool holds = slot == _context.SelfSlot ? !State.Recovering : _context.FreshAt(slot) is { } peer && (peer[State.Index].Flags & SectionFlags.Recovering) == 0;
            if (holds && (_context.View.Data >> slot & 1) != 0) holding |= (ushort)(1 << slot);
        }
        return holding;
    }

    private string Awaited()
    {
        int others = ~Holding() & ~(_context.SelfSlot < 0 ? 0 : 1 << _context.SelfSlot), awaited = State.Set.Members & others;
        return _context.NamesOf((ushort)(awaited != 0 ? awaited : _context.View.Data & others));
    }

    private static byte SlotByte(int slot) => slot < 0 ? BeatExtension.NoSlot : (byte)slot;

    private void TellPrimary()
    {
        NodeId primary = Primary;
        if (primary == _toldPrimary) return;
        _toldPrimary = primary;
        _toldWaiting = false;
        _context.Sink.OnPrimary(State.Index, primary, State.Term);
    }

    private void TellWaiting()
    {
        if (_toldWaiting || Primary != NodeId.None || _context.SelfSlot < 0 || _context.Now < _voter.FreeSince + _context.Options.DeadAfter * 10) return;
        _toldWaiting = true;
        _context.Sink.Log(ElectionEvent.Warning, $"service {State.Options.Name} has no primary: {Describe()}");
    }

    // Two stood at one time; who lost did so in the later term, and its vote binds it. It is a voter and a member that follows nobody: another may not fail now. A new term brings it back. It
    // costs nothing before this node serves; after that a hand-over is tried first.
    private void BringBack()
    {
        NodeId astray = State.Role == ElectionRole.Primary ? _contender.Ranking.Astray() : NodeId.None;
        if (astray == NodeId.None)
        {
            _astraySince = Timestamp.Never;
            return;
        }
        if (_astraySince == Timestamp.Never)
        {
            _astraySince = _context.Now;
            _context.Sink.Log(ElectionEvent.Progress, $"service {State.Options.Name}: {_context.NameOf(astray)} has voted in a later term than {State.Term} and cannot follow: a new term is needed");
        }
        if (_context.Now >= _astraySince + _context.Options.DeadAfter * (State.Serving ? 10 : 1)) Release();
    }

    private void WantHandOver()
    {
        NodeId target = _contender.Ranking.WantedPrimary(out HandOverReason why);
        if (target == NodeId.None)
        {
            _wantedSince = Timestamp.Never;
            return;
        }
        if (_wantedSince == Timestamp.Never) _wantedSince = _context.Now;
        TimeSpan holdDown = why switch
        {
            HandOverReason.HigherPriority => _context.Options.DeadAfter * 10,        // who has just returned may go again
            HandOverReason.LaterTerm => _context.Options.DeadAfter,                  // who stands may still be answered
            _ => TimeSpan.Zero,
        };
        if (!State.Serving || _context.Now < _wantedSince + holdDown || _context.Now < _wantedAgain) return;
        _wantedAgain = _context.Now + _context.Options.DeadAfter;
        _context.Sink.OnHandOverWanted(State.Index, target, why);
    }
}

using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>The primary's synchronised set: proposed, stored by the voters that echo this primary, committed when a majority has stored it.</summary>
internal sealed class SetProposals
{
    private readonly ElectionContext _context;
    private readonly ServiceState _state;
    private bool _isPending;
    private SynchronisedSet? _settled;
    private Timestamp _restateAt = Timestamp.Never;

    internal SetProposals(ElectionContext context, ServiceState state)
    {
        _context = context;
        _state = state;
    }

    /// <summary>The newest proposal is committed.</summary>
    internal bool IsCommitted => !_isPending;

    /// <summary>As primary: nothing newer than what is committed was ever said to anybody. Whoever is told so needs to ask nobody.</summary>
    internal bool IsSettled => !_isPending && IsKnownToBeCommitted;

    /// <summary>A new primary states the set under its own term: what an earlier one proposed and nobody committed is so either taken up or void.</summary>
    /// <param name="members">Who holds what may have been acknowledged.</param>
    /// <param name="holdsNothing">A cold start: nothing may be acknowledged before <see cref="Restate"/> has proposed this set once more, as one that holds something.</param>
    internal void Begin(ushort members, bool holdsNothing = false)
    {
        if (!_state.Options.HoldsState) return;
        _state.Take(new SynchronisedSet(_state.Term, holdsNothing ? 0u : 1, members));
        _state.NoteJoined(members);
        _isPending = true;
        _state.Committed = 0;
    }

    /// <summary>
    /// The set is committed already: the primary before said so when it nominated this node, has proposed none since, and nobody else can have, for the term is the one after its own. It is stated
    /// again later: that writes to disks, for which clients need not wait.
    /// </summary>
    internal void Inherit()
    {
        _isPending = false;
        _settled = _state.Set;
        _state.NoteJoined(_state.Set.Members);
        _state.Committed = _state.Set.Members;
        _restateAt = _context.Now + _context.Options.DeadAfter / 2;
    }

    /// <summary>After a cold start: as soon as the winner has cut, it holds something.</summary>
    internal void Restate()
    {
        if (_isPending && _state.Set.HoldsNothing && _state.Synchronised) Propose(_state.Set.Members);
    }

    /// <summary>Proposes another set.</summary>
    internal void Propose(ushort members)
    {
        if (_state.Set.Term == _state.Term && _state.Set.Members == members && !_state.Set.HoldsNothing) return;
        uint number = _state.Set.Term == _state.Term ? _state.Set.Number + 1 : 1;
        int joining = members & ~_state.Set.Members;
        _state.Take(new SynchronisedSet(_state.Term, number, members));
        _state.NoteJoined(joining);
        _isPending = true;
    }

    /// <summary>The term is over.</summary>
    internal void Forget()
    {
        _isPending = false;
        _settled = null;
        _restateAt = Timestamp.Never;
    }

    /// <summary>The newest proposal could not be stored and is void; the one before it may still wait for its majority.</summary>
    internal void OnNotStored() => _isPending = _isPending && _state.Set.Term == _state.Term && !IsKnownToBeCommitted;

    /// <summary>Sees whether a majority has stored the proposal.</summary>
    internal void Tick()
    {
        Restate();
        if (_context.Now >= _restateAt)
        {
            _restateAt = Timestamp.Never;
            if (_state.Set.Term != _state.Term) Propose(_state.Set.Members);
        }
        if (!_isPending || _state.Set.HoldsNothing) return;
        int stored = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            if ((_context.View.Voters >> slot & 1) == 0) continue;
            if (slot == _context.SelfSlot ? _state.SetIsStored : (_context.PeerAt(slot) is { Understood: true } peer && peer[_state.Index].Set.IsSameAs(_state.Set))) stored++;
        }
        if (stored < _context.Needed) return;
        _isPending = false;
        _settled = _state.Set;
        _state.Committed = _state.Set.Members;
        _context.Sink.OnSynchronisedSet(_state.Index, _state.Set);
    }

    private bool IsKnownToBeCommitted => _settled is { } settled && settled.IsSameAs(_state.Set);
}

using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a node knows, is, and must not forget about one service.</summary>
internal sealed class ServiceState
{
    private readonly ElectionContext _context;
    private SynchronisedSet _storedSet, _beingStoredSet;
    private (uint Term, NodeId For) _reserved, _storedReserved, _beingStoredReserved;
    private (uint Term, NodeId For) _inherited;
    private Progress _vote;
    private uint _termBeforeVote;
    private readonly SynchronisedSet[] _since = new SynchronisedSet[ElectionOptions.MaxMembers];

    internal ServiceState(ElectionContext context, int index, ElectionService options, VoteRecord vote)
    {
        _context = context;
        Index = index;
        Options = options;
        (Term, VotedFor) = (vote.Term, vote.VotedFor);
        ushort members = 0;
        foreach (NodeId member in vote.SetMembers)
            if (context.View.SlotOf(member) is >= 0 and int slot) members |= (ushort)(1 << slot);
        Set = vote.SetTerm == 0 && vote.SetNumber == 0 ? new SynchronisedSet(0, 0, context.View.Data) : new SynchronisedSet(vote.SetTerm, vote.SetNumber, members);
        _storedSet = Set;
        if (vote.ReservedTerm <= Term) return;
        _reserved = _storedReserved = _inherited = (vote.ReservedTerm, vote.ReservedFor);
        TermFloor = vote.ReservedTerm; // an earlier life may have been elected in it
    }

    private enum Progress : byte
    {
        Stored,
        Waiting,
        BeingStored,
    }

    /// <summary>Its number.</summary>
    internal int Index { get; }

    internal ElectionService Options { get; }

    /// <summary>The newest term in which this node voted, stood or followed.</summary>
    internal uint Term { get; private set; }

    /// <summary>For whom it voted in <see cref="Term"/>; none when it followed.</summary>
    internal NodeId VotedFor { get; private set; }

    /// <summary>Terms up to here are used up, whoever says so.</summary>
    internal uint TermFloor { get; set; }

    /// <summary>What this node claims in <see cref="Term"/>.</summary>
    internal ElectionRole Role { get; set; }

    /// <summary>The newest synchronised set that this node knows.</summary>
    internal SynchronisedSet Set { get; private set; }

    /// <summary>The newest synchronised set that is stored here: only that is told to others.</summary>
    internal SynchronisedSet StoredSet => _storedSet;

    /// <summary><see cref="Set"/> is stored here.</summary>
    internal bool SetIsStored => _storedSet.IsSameAs(Set);

    /// <summary>The vote of <see cref="Term"/>, if this node has given one, is stored: it counts, and others hear of it, from then on.</summary>
    internal bool VoteIsStored => _vote == Progress.Stored;

    /// <summary><see cref="Term"/> as others may hear of it. That this node stands they hear at once.</summary>
    internal uint SaidTerm => VoteIsStored || VotedFor == _context.Self ? Term : _termBeforeVote;

    /// <summary>As primary: members of the set that is committed; 0: none is yet, in this term.</summary>
    internal ushort Committed { get; set; }

    /// <summary>As primary: the first set of its term, or the inherited one, to which a member has belonged ever since.</summary>
    internal SynchronisedSet MemberSince(int slot) => _since[slot];

    /// <summary>This node holds the state; false after a restart until it has synchronised.</summary>
    internal bool Synchronised { get; set; }

    /// <summary>Checks pass and the service link carries.</summary>
    internal bool Healthy { get; set; } = true;

    /// <summary>The operator wants no service here.</summary>
    internal bool Drained { get; set; }

    /// <summary>How far the state reaches.</summary>
    internal ulong Position { get; set; }

    /// <summary>As primary: it has cut and owns the address.</summary>
    internal bool Serving { get; set; }

    /// <summary>Until then the operator accepts that acknowledged writes are lost.</summary>
    internal Timestamp LossAcceptedUntil { get; set; }

    /// <summary>The operator accepts the loss, as said to this node.</summary>
    internal bool LossAccepted => _context.Now < LossAcceptedUntil;

    /// <summary>This node lost the state in a restart and has not got it back.</summary>
    internal bool Recovering => Options.HoldsState && !Synchronised && _context.SelfIsData;

    /// <summary>Follows a term in which others elected someone, or have stood: nothing that must outlive a restart.</summary>
    internal void Follow(uint term)
    {
        if (term <= Term) return;
        (Term, VotedFor) = (term, NodeId.None);
        _vote = Progress.Stored;
    }

    /// <summary>Others have elected, in <see cref="Term"/>, the one for whom this node votes: its vote is not needed, and echoes may go out before it is stored.</summary>
    internal void FollowWinner() => _vote = Progress.Stored;

    /// <summary>What must not be forgotten.</summary>
    internal VoteRecord Record
    {
        get
        {
            List<NodeId> members = [];
            for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
                if (Set.Contains(slot)) members.Add(_context.View.NodeOf(slot));
            VoteRecord record = new(Term, VotedFor, Set.Term, Set.Number, members);
            return _reserved.Term > Term ? record with { ReservedTerm = _reserved.Term, ReservedFor = _reserved.For } : record;
        }
    }

    /// <summary>There is something to be stored before anybody hears of it.</summary>
    internal bool MustBeStored { get; private set; }

    /// <summary>An earlier state is on its way to the disk.</summary>
    internal bool IsBeingStored { get; private set; }

    /// <summary>Votes; it is stored before anybody hears of it.</summary>
    internal void Vote(uint term, NodeId candidate)
    {
        if (VoteIsStored) _termBeforeVote = Term;
        bool isStored = HasReserved(term, candidate);
        (Term, VotedFor) = (term, candidate);
        _vote = isStored ? Progress.Stored : Progress.Waiting;
        MustBeStored |= !isStored;
    }

    /// <summary>
    /// Stores a vote for a planned hand-over before it is asked for: the disk is waited for while the old primary serves. In this life it binds nobody: another one may still get the vote of that term, and is then stored instead.
    /// After a restart it may have been given.
    /// </summary>
    internal void Reserve(uint term, NodeId candidate)
    {
        if (term <= Term || term < _reserved.Term || HasReserved(term, candidate) || !MayVote(term, candidate)) return;
        _reserved = (term, candidate);
        MustBeStored = true;
    }

    /// <summary>An earlier life has given nobody else the vote of a term.</summary>
    internal bool MayVote(uint term, NodeId candidate) => term != _inherited.Term || candidate == _inherited.For;

    /// <summary>Such a vote is on the disk.</summary>
    internal bool HasReserved(uint term, NodeId candidate) => _reserved == (term, candidate) && _storedReserved == _reserved;

    /// <summary>Takes over a newer synchronised set; it is stored before anybody hears of it.</summary>
    internal void Take(SynchronisedSet set)
    {
        Set = set;
        MustBeStored = true;
    }

    /// <summary>As primary: members of the newest set that did not belong to the one before.</summary>
    internal void NoteJoined(int members)
    {
        for (int slot = 0; slot < _since.Length; slot++)
            if ((members >> slot & 1) != 0) _since[slot] = Set;
    }

    /// <summary>What is to be stored now, until <see cref="OnStored"/>.</summary>
    internal VoteRecord BeginStoring()
    {
        MustBeStored = false;
        IsBeingStored = true;
        _beingStoredSet = Set;
        _beingStoredReserved = _reserved.Term > Term ? _reserved : default;
        if (_vote == Progress.Waiting) _vote = Progress.BeingStored;
        return Record;
    }

    /// <summary>The record is stored, or could not be: then what is new is void, but for the term, which is not used again.</summary>
    internal void OnStored(bool isStored)
    {
        IsBeingStored = false;
        if (isStored)
        {
            _storedSet = _beingStoredSet;
            _storedReserved = _beingStoredReserved;
            if (_vote == Progress.BeingStored) _vote = Progress.Stored;
            return;
        }
        MustBeStored = false;
        Set = _storedSet;
        (_reserved, _storedReserved) = (_inherited, default); // what an earlier life may have given stays in the record
        _vote = Progress.Stored;
    }

    /// <summary>The slots mean other nodes now: whoever is no member any more leaves the set, and whoever was added comes to a set that nobody has proposed yet.</summary>
    internal void OnView(GroupView before, GroupView after)
    {
        ushort members = 0;
        Committed &= after.Data;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            bool same = after.NodeOf(slot) != NodeId.None && after.NodeOf(slot) == before.NodeOf(slot);
            if (Set.Contains(slot) && same) members |= (ushort)(1 << slot);
        }
        bool unproposed = Set.IsOfConfiguration;
        MustBeStored |= !unproposed && members != Set.Members;
        Set = Set with { Members = unproposed ? after.Data : members };
        _storedSet = _storedSet.IsSameAs(Set) ? Set : _storedSet with { Members = (ushort)(_storedSet.Members & after.Data) };
    }
}

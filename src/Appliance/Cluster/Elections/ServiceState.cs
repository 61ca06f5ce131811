using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a node knows, is, and must not forget about one service.</summary>
internal sealed class ServiceState
{
    private readonly ElectionContext _context;
    private IReadOnlyList<NodeId> _storedMembers;

    /// <exception cref="IOException">The vote cannot be read.</exception>
    /// <exception cref="InvalidDataException">The vote is damaged.</exception>
    internal ServiceState(ElectionContext context, int index, ElectionService options)
    {
        _context = context;
        Index = index;
        Options = options;
        VoteRecord vote = context.Store.ReadVote(options.Name);
        (Term, VotedFor) = (vote.Term, vote.VotedFor);
        _storedMembers = vote.SetMembers;
        ushort members = 0;
        foreach (NodeId member in vote.SetMembers)
            if (context.View.SlotOf(member) is >= 0 and int slot) members |= (ushort)(1 << slot);
        Set = vote.SetTerm == 0 && vote.SetNumber == 0 ? new SynchronisedSet(0, 0, context.View.Data) : new SynchronisedSet(vote.SetTerm, vote.SetNumber, members);
    }

    /// <summary>Its number.</summary>
    internal int Index { get; }

    internal ElectionService Options { get; }

    /// <summary>The newest term in which this node voted, stood or followed.</summary>
    internal uint Term { get; private set; }

    /// <summary>For whom it voted last.</summary>
    internal NodeId VotedFor { get; private set; }

    /// <summary>Terms up to here are used up, whoever says so.</summary>
    internal uint TermFloor { get; set; }

    /// <summary>What this node claims in <see cref="Term"/>.</summary>
    internal ElectionRole Role { get; set; }

    /// <summary>The newest synchronised set that is stored here.</summary>
    internal SynchronisedSet Set { get; private set; }

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

    /// <summary>The operator accepts the loss.</summary>
    internal bool LossAccepted { get; set; }

    /// <summary>This node lost the state in a restart and has not got it back.</summary>
    internal bool Recovering => Options.HoldsState && !Synchronised && _context.SelfIsData;

    /// <summary>Follows a term in which others elected someone: nothing that must outlive a restart.</summary>
    internal void Follow(uint term) => Term = Math.Max(Term, term);

    /// <summary>Votes: stored before it returns true, and before anybody hears of it.</summary>
    internal bool TryVote(uint term, NodeId candidate)
    {
        if (!TryStore(term, candidate, Set, _storedMembers)) return false;
        (Term, VotedFor) = (term, candidate);
        return true;
    }

    /// <summary>Takes over a newer synchronised set: stored before it returns true, and before anybody hears of it.</summary>
    internal bool TryTake(SynchronisedSet set)
    {
        List<NodeId> members = [];
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
            if (set.Contains(slot)) members.Add(_context.View.NodeOf(slot));
        if (!TryStore(Term, VotedFor, set, members)) return false;
        Set = set;
        _storedMembers = members;
        return true;
    }

    /// <summary>The slots mean other nodes now: whoever is no member any more leaves the set, and whoever was added comes to a set that nobody has proposed yet.</summary>
    internal void OnView(GroupView before, GroupView after)
    {
        ushort members = 0;
        for (int slot = 0; slot < ElectionOptions.MaxMembers; slot++)
        {
            bool same = after.NodeOf(slot) != NodeId.None && after.NodeOf(slot) == before.NodeOf(slot);
            if (Set.Contains(slot) && same) members |= (ushort)(1 << slot);
        }
        bool unproposed = Set is { Term: 0, Number: 0 };
        Set = Set with { Members = unproposed ? after.Data : members };
    }

    private bool TryStore(uint term, NodeId votedFor, SynchronisedSet set, IReadOnlyList<NodeId> members)
    {
        try
        {
            _context.Store.WriteVote(Options.Name, new VoteRecord(term, votedFor, set.Term, set.Number, members));
            return true;
        }
        catch (IOException error)
        {
            _context.Sink.Log(ElectionEvent.Warning, $"service {Options.Name}: this node cannot vote: {error.Message}");
            return false;
        }
    }
}

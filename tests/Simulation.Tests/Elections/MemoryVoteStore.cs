using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>A node's disk: it outlives its processes, and it sees that nobody votes twice.</summary>
internal sealed class MemoryVoteStore : IVoteStore
{
    private readonly Dictionary<string, VoteRecord> _votes = [];
    private readonly Dictionary<string, (uint Term, NodeId For)> _given = [];
    private GroupView? _view;

    /// <summary>Called for every write: it takes time.</summary>
    internal Action? Written { get; set; }

    /// <summary>Whose disk it is.</summary>
    internal NodeId Owner { get; init; }

    /// <summary>Called when the owner votes for itself.</summary>
    internal Action<string>? Standing { get; set; }

    internal long Writes { get; private set; }

    /// <summary>What is on the disk.</summary>
    internal VoteRecord VoteOf(string service) => _votes.GetValueOrDefault(service, VoteRecord.None);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, VoteRecord> ReadVotes()
    {
        foreach ((string service, VoteRecord vote) in _votes)
            if (vote.ReservedTerm != 0) _given[service] = (vote.ReservedTerm, vote.ReservedFor);
        return _votes;
    }

    /// <inheritdoc/>
    public void WriteVotes(IReadOnlyDictionary<string, VoteRecord> votes)
    {
        foreach ((string service, VoteRecord vote) in votes)
        {
            VoteRecord before = _votes.GetValueOrDefault(service, VoteRecord.None);
            if (vote.Term < before.Term) throw new InvariantViolation($"service {service}: a vote of term {vote.Term} after one of term {before.Term}");
            if (vote.Term == before.Term && vote.VotedFor != before.VotedFor) throw new InvariantViolation($"service {service}: two votes in term {vote.Term}");
            if (vote.VotedFor != NodeId.None && vote.Term == _given.GetValueOrDefault(service).Term && vote.VotedFor != _given[service].For) throw new InvariantViolation($"service {service}: a vote of term {vote.Term} that an earlier life may have given");
            if (vote.Term > before.Term && vote.VotedFor == Owner) Standing?.Invoke(service);
            _votes[service] = vote;
        }
        Writes++;
        Written?.Invoke();
    }

    /// <inheritdoc/>
    public GroupView? ReadView() => _view;

    /// <inheritdoc/>
    public void WriteView(GroupView view)
    {
        _view = view;
        Written?.Invoke();
    }
}

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
    private ElectionRecords? _underWay;

    /// <summary>Called for every write: it takes time, and ends with <see cref="Finish"/>.</summary>
    internal required Action Begun { get; init; }

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
    public bool Write(ElectionRecords records)
    {
        if (_underWay is not null) throw new InvariantViolation("a write begins before the one before has ended");
        _underWay = records;
        Begun();
        return false;
    }

    /// <summary>The write that is under way ends: it is on the disk, or lost with its process.</summary>
    internal void Finish(bool isStored)
    {
        ElectionRecords? records = _underWay;
        _underWay = null;
        if (records is null || !isStored) return;
        _view = records.View ?? _view;
        if (records.Votes is not null) Store(records.Votes);
    }

    /// <inheritdoc/>
    public GroupView? ReadView() => _view;

    private void Store(IReadOnlyDictionary<string, VoteRecord> votes)
    {
        foreach ((string service, VoteRecord vote) in votes)
        {
            VoteRecord before = VoteOf(service);
            if (vote.Term < before.Term) throw new InvariantViolation($"service {service}: a vote of term {vote.Term} after one of term {before.Term}");
            if (vote.Term == before.Term && vote.VotedFor != before.VotedFor) throw new InvariantViolation($"service {service}: two votes in term {vote.Term}");
            if (vote.VotedFor != NodeId.None && vote.Term == _given.GetValueOrDefault(service).Term && vote.VotedFor != _given[service].For) throw new InvariantViolation($"service {service}: a vote of term {vote.Term} that an earlier life may have given");
            _votes[service] = vote;
        }
        Writes++;
    }
}

using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a voter must not forget about a service.</summary>
/// <param name="Term">The newest term in which it voted or followed when the record was stored.</param>
/// <param name="VotedFor">For whom it voted in that term; none when it followed.</param>
/// <param name="SetTerm">Term of the newest synchronised set it has seen; 0 and number 0: the configuration's.</param>
/// <param name="SetNumber">Number of that set.</param>
/// <param name="SetMembers">Its members.</param>
internal sealed record VoteRecord(uint Term, NodeId VotedFor, uint SetTerm, uint SetNumber, IReadOnlyList<NodeId> SetMembers)
{
    /// <summary>Never voted.</summary>
    internal static readonly VoteRecord None = new(0, NodeId.None, 0, 0, []);

    /// <summary>A later term, in which it may have voted for <see cref="ReservedFor"/> and for nobody else (<see cref="ServiceState.Reserve"/>); 0: none.</summary>
    internal uint ReservedTerm { get; init; }

    /// <summary>See <see cref="ReservedTerm"/>.</summary>
    internal NodeId ReservedFor { get; init; }
}

/// <summary>Votes, synchronised sets and the group's view, which outlive a restart. Loop thread.</summary>
internal interface IVoteStore
{
    /// <summary>What was stored, by service; empty if nothing ever was.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there are no votes.</exception>
    IReadOnlyDictionary<string, VoteRecord> ReadVotes();

    /// <summary>Stores the records of all services, once for all votes of one moment; they survive a loss of power when the call returns.</summary>
    /// <exception cref="IOException">They cannot be stored: what is new in them must not be said to anybody.</exception>
    void WriteVotes(IReadOnlyDictionary<string, VoteRecord> votes);

    /// <summary>The newest view; null if none ever was stored.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there is no view.</exception>
    GroupView? ReadView();

    /// <summary>Stores the view; it survives a loss of power when the call returns.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    void WriteView(GroupView view);
}

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

/// <summary>What is to be stored, all or nothing of it being told to others.</summary>
/// <param name="Votes">The records of all services; null: as they are stored.</param>
/// <param name="View">The group's view; null: as it is stored.</param>
internal sealed record ElectionRecords(IReadOnlyDictionary<string, VoteRecord>? Votes, GroupView? View);

/// <summary>Votes, synchronised sets and the group's view, which outlive a restart. Loop thread.</summary>
internal interface IVoteStore
{
    /// <summary>What was stored, by service; empty if nothing ever was.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there are no votes.</exception>
    IReadOnlyDictionary<string, VoteRecord> ReadVotes();

    /// <summary>The newest view; null if none ever was stored.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there is no view.</exception>
    GroupView? ReadView();

    /// <summary>Stores what was decided at one moment, so that it survives a loss of power. Called again only once the write before has ended.</summary>
    /// <returns>True: it is stored. False: it is being stored, and <see cref="ElectionEngine.OnStored"/> will be called.</returns>
    /// <exception cref="IOException">It cannot be stored: what is new in it must not be said to anybody.</exception>
    bool Write(ElectionRecords records);
}

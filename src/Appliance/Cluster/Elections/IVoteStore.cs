using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>What a voter must not forget about a service.</summary>
/// <param name="Term">The newest term in which it voted.</param>
/// <param name="VotedFor">For whom.</param>
/// <param name="SetTerm">Term of the newest synchronised set it has seen; 0 and number 0: the configuration's.</param>
/// <param name="SetNumber">Number of that set.</param>
/// <param name="SetMembers">Its members.</param>
internal sealed record VoteRecord(uint Term, NodeId VotedFor, uint SetTerm, uint SetNumber, IReadOnlyList<NodeId> SetMembers)
{
    /// <summary>Never voted.</summary>
    internal static readonly VoteRecord None = new(0, NodeId.None, 0, 0, []);
}

/// <summary>Votes, synchronised sets and the group's view, which outlive a restart. Loop thread.</summary>
internal interface IVoteStore
{
    /// <summary>What was stored for a service; <see cref="VoteRecord.None"/> if nothing ever was.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there is no vote.</exception>
    VoteRecord ReadVote(string service);

    /// <summary>Stores it; it survives a loss of power when the call returns.</summary>
    /// <exception cref="IOException">It cannot be stored: the vote must not be given.</exception>
    void WriteVote(string service, VoteRecord vote);

    /// <summary>The newest view; null if none ever was stored.</summary>
    /// <exception cref="IOException">It is there but cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is there is no view.</exception>
    GroupView? ReadView();

    /// <summary>Stores the view; it survives a loss of power when the call returns.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    void WriteView(GroupView view);
}

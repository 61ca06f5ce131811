using Appliance.Multicast;

namespace Appliance.Cluster.Elections;

/// <summary>How a primary came to be elected.</summary>
internal enum ElectionKind : byte
{
    /// <summary>By a recovered majority, after the primary before it was lost or released the service.</summary>
    Ordinary,

    /// <summary>The primary before it handed the service over.</summary>
    HandOver,

    /// <summary>No member holds anything: the first start, or all were restarted.</summary>
    ColdStart,

    /// <summary>Without a recovered majority (<see cref="OnLoss.Serve"/>, or the operator accepted it): acknowledged writes may be lost.</summary>
    WithLoss,
}

/// <summary>Why a node is no longer primary.</summary>
internal enum LeaseLoss : byte
{
    /// <summary>No majority of the voters echoed in time.</summary>
    Expired,

    /// <summary>Handed over by <see cref="ElectionEngine.TransferTo"/>.</summary>
    HandedOver,

    /// <summary>Given up by <see cref="ElectionEngine.Release"/>.</summary>
    Released,

    /// <summary>Another node is primary in a higher term. Without <c>quorum = off</c> this never happens.</summary>
    Superseded,

    /// <summary>This node is no longer a member.</summary>
    Removed,
}

/// <summary>Why the primary should hand a service over.</summary>
internal enum HandOverReason : byte
{
    /// <summary>This node's checks fail and another member is healthy.</summary>
    Unhealthy,

    /// <summary>This node is drained.</summary>
    Drained,

    /// <summary>A voter has voted in a later term, and can follow only a primary of one later still.</summary>
    LaterTerm,

    /// <summary><c>preempt</c>: a member of higher priority is there again.</summary>
    HigherPriority,
}

/// <summary>The level of a line for the log.</summary>
internal enum ElectionEvent : byte
{
    /// <summary>What an operator may want to know.</summary>
    Progress,

    /// <summary>Something is configured wrongly or hinders the elections.</summary>
    Warning,

    /// <summary>Acknowledged writes may have been lost.</summary>
    Loss,
}

/// <summary>What the elections ask for and tell. Called inside a call of the engine, which may not be called from here, except its <c>Is</c> and <c>Describe</c> members.</summary>
/// <remarks>Services are numbered as in <see cref="ElectionOptions.Services"/>; <see cref="ElectionEngine.GroupService"/> is the group's own.</remarks>
internal interface IElectionSink
{
    /// <summary>Publish with every beat; the arguments are those of <see cref="IGroup.PublishBeatExtension"/>.</summary>
    void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry);

    /// <summary>This node has won a service: it holds the lease and may collect, cut, and then own the address.</summary>
    /// <param name="service">Which.</param>
    /// <param name="term">Greater than every term of the service before.</param>
    /// <param name="leaseUntil">As in <see cref="OnLease"/>.</param>
    /// <param name="set">The members that may hold acknowledged writes: collect from so many of them that every set of acknowledging ones is met.</param>
    /// <param name="kind">How.</param>
    void OnElected(int service, uint term, Timestamp leaseUntil, SynchronisedSet set, ElectionKind kind);

    /// <summary>The lease of a service that this node has won is valid until a time on this node's boot clock: the guard's deadline. Only ever later.</summary>
    void OnLease(int service, uint term, Timestamp until);

    /// <summary>The lease is over, now. Called before anything is published that lets others act: close the guard in here.</summary>
    void OnLost(int service, uint term, LeaseLoss why);

    /// <summary>Another node is primary, as far as this one knows; <see cref="NodeId.None"/>: nobody is known.</summary>
    void OnPrimary(int service, NodeId primary, uint term);

    /// <summary>On the primary: a synchronised set is committed; from now on no member outside it can be elected.</summary>
    void OnSynchronisedSet(int service, SynchronisedSet set);

    /// <summary>The view changed: adopted here (it may still be superseded), or known to be committed.</summary>
    void OnView(GroupView view, bool isCommitted);

    /// <summary>On the primary: hand the service over to a member, if nothing speaks against it: bring it up to date, then <see cref="ElectionEngine.TransferTo"/>. Repeated until done.</summary>
    void OnHandOverWanted(int service, NodeId target, HandOverReason why);

    /// <summary>One sentence for the log.</summary>
    void Log(ElectionEvent kind, string text);
}

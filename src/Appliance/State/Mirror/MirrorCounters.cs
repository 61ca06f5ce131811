namespace Appliance.State;

/// <summary>What a mirror has done since the start, with everything that it refused by reason. Written by the loop thread.</summary>
internal sealed class MirrorCounters
{
    /// <summary>Records that came by the stream and were newer than what was held.</summary>
    public long Applied;

    /// <summary>Records that came by the stream and were known already.</summary>
    public long Stale;

    /// <summary>Fields of hashes that had been deleted since.</summary>
    public long DeadFields;

    /// <summary>Records of a lower term than the service has: what lay beyond a cut, or a primary that is none any more.</summary>
    public long LowerTerm;

    /// <summary>Records of a term whose cut has not been seen: obtained by synchronisation.</summary>
    public long UnknownTerm;

    /// <summary>Messages for a service that this node does not have.</summary>
    public long UnknownService;

    /// <summary>Messages of a type that may be ignored.</summary>
    public long UnknownType;

    /// <summary>Messages that could not be read.</summary>
    public long Malformed;

    /// <summary>Writes that came from a node that is not the service's primary.</summary>
    public long ForeignWriter;

    /// <summary>Holes in the sequence of a service's writes.</summary>
    public long Holes;

    /// <summary>Parts of a stream that the group said it cannot deliver.</summary>
    public long StreamGaps;

    /// <summary>Records that could not be stored because memory was full.</summary>
    public long CouldNotStore;

    /// <summary>Resynchronisations begun.</summary>
    public long Resynchronisations;

    /// <summary>Snapshots fetched whole.</summary>
    public long FullSnapshots;

    /// <summary>Snapshots fetched of what changed since.</summary>
    public long DeltaSnapshots;

    /// <summary>Records that came by snapshots.</summary>
    public long SnapshotRecords;

    /// <summary>Snapshots that broke off and were begun again.</summary>
    public long BrokenSnapshots;

    /// <summary>Records removed because a replacing snapshot did not contain them.</summary>
    public long Replaced;

    /// <summary>Records removed because they lay beyond a cut.</summary>
    public long Discarded;

    /// <summary>Keys asked for again after a cut.</summary>
    public long KeysFetchedAgain;

    /// <summary>Cuts published or applied.</summary>
    public long Cuts;

    /// <summary>Questions where the members stand.</summary>
    public long Surveys;

    /// <summary>Attempts to synchronise or to recover that failed and were put off.</summary>
    public long Retries;

    /// <summary>Services handed over to another member.</summary>
    public long HandOvers;

    /// <summary>Primaries that served without having heard enough survivors.</summary>
    public long UnsafeRecoveries;
}

namespace Appliance.Cluster.Elections;

/// <summary>
/// The members that may hold acknowledged writes of a service: only one of them can be elected. Proposed by the service's primary, committed once a majority of the voters has
/// stored it (ARCHITECTURE 3, step 5 and 6).
/// </summary>
/// <param name="Term">Term of the primary that proposed it; 0: from the configuration.</param>
/// <param name="Number">Counts the proposals of the term. 0: of the configuration, or of a cold start whose winner has not cut yet.</param>
/// <param name="Members">Bits of the members' slots in the group's view.</param>
internal readonly record struct SynchronisedSet(uint Term, uint Number, ushort Members)
{
    /// <summary>Proposed later than another.</summary>
    internal bool IsNewerThan(in SynchronisedSet other) => Term != other.Term ? Term > other.Term : Number > other.Number;

    /// <summary>The same proposal as another.</summary>
    internal bool IsSameAs(in SynchronisedSet other) => Term == other.Term && Number == other.Number;

    /// <summary>Nobody has proposed one yet.</summary>
    internal bool IsOfConfiguration => Term == 0 && Number == 0;

    /// <summary>Before the first proposal after a cold start: whoever stores it knows that nothing acknowledged since can be held by anyone.</summary>
    internal bool HoldsNothing => Number == 0;

    /// <summary>Whether a slot belongs to it.</summary>
    internal bool Contains(int slot) => slot >= 0 && (Members >> slot & 1) != 0;
}

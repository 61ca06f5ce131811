namespace Appliance.Cluster.Addresses;

/// <summary>What became of a set of addresses.</summary>
/// <param name="Changed">Added, or removed.</param>
/// <param name="Unchanged">Were there already, or were not there.</param>
/// <param name="Error">Errno of the first that failed, 0 when none did. The others were tried all the same.</param>
/// <param name="FailedIndex">Which one failed first; -1 when none did, or the request as a whole did.</param>
internal readonly record struct AddressOutcome(int Changed, int Unchanged, int Error, int FailedIndex)
{
    /// <summary>Every address is as it should be.</summary>
    internal bool IsComplete => Error == 0;
}

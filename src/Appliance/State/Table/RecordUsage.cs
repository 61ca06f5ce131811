namespace Appliance.State;

/// <summary>Totals of the records of one service and class.</summary>
/// <param name="Records">Records, tombstones included.</param>
/// <param name="Tombstones">Tombstones among them.</param>
/// <param name="Bytes">Key and value bytes of all of them.</param>
internal readonly record struct RecordUsage(long Records, long Tombstones, long Bytes);

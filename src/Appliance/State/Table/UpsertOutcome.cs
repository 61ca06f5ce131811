namespace Appliance.State;

/// <summary>What <see cref="StateTable.Upsert"/> did.</summary>
internal enum UpsertOutcome : byte
{
    /// <summary>The key was absent; it has a record now.</summary>
    Inserted,

    /// <summary>The key's record has the new header and value.</summary>
    Replaced,

    /// <summary>The memory limit does not allow it; everything is as it was.</summary>
    Full,
}

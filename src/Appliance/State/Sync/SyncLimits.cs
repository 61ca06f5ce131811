namespace Appliance.State;

/// <summary>Sizes that both ends of a synchronisation channel must agree on.</summary>
internal static class SyncLimits
{
    /// <summary>Largest message: a full chunk and one record that crosses its end.</summary>
    internal static int MessageBytes(StoreLimits limits) => SyncHeader.Bytes + SyncRecords.TargetBytes + limits.MaxRecordBytes;

    /// <summary>Whether an answer ends with a message of this type.</summary>
    internal static bool EndsAnswer(byte type) => (SyncMessageType)type is SyncMessageType.SnapshotEnd or SyncMessageType.KeysEnd or SyncMessageType.Refused;
}

namespace Appliance.State;

/// <summary>Sizes of a <see cref="ServiceStore"/>.</summary>
internal sealed record StoreLimits
{
    /// <summary>Memory of the service's records, tombstones included.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Longest key, and longest name of a field.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>Longest value.</summary>
    public int MaxValueBytes { get; init; } = 512 * 1024;

    /// <summary>Most bytes that one command may write to one key (HSET of many fields).</summary>
    public long MaxWriteBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Chooses where eviction looks for the oldest.</summary>
    public ulong RandomSeed { get; init; } = 1;

    /// <summary>Largest encoded record.</summary>
    internal int MaxRecordBytes => RecordCodec.Bytes(Math.Min(ushort.MaxValue, HashFieldKey.Bytes(MaxKeyBytes, MaxKeyBytes)), MaxValueBytes, hasExpiry: true);
}

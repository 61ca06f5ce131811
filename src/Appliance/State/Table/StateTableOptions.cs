namespace Appliance.State;

/// <summary>Limits of a <see cref="StateTable"/>.</summary>
internal sealed record StateTableOptions
{
    /// <summary>The group's hash.</summary>
    public required BuzHash Hash { get; init; }

    /// <summary>Limit on <see cref="StateTable.BytesUsed"/>.</summary>
    public required long MaxBytes { get; init; }

    /// <summary>Longest key. At most 65,535.</summary>
    public int MaxKeyBytes { get; init; } = 1024;

    /// <summary>Longest value. At most 64 MiB.</summary>
    public int MaxValueBytes { get; init; } = 512 * 1024;

    /// <summary>Records for which the index is sized at the start; it grows beyond.</summary>
    public long ExpectedRecords { get; init; }

    /// <summary>Bit k is set when records of kind k carry the two links (8 bytes). Kinds of 64 and above never do.</summary>
    public ulong LinkedKinds { get; init; } = 1UL << (int)RecordKind.Hash | 1UL << (int)RecordKind.HashField;
}

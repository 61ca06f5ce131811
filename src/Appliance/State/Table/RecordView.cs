namespace Appliance.State;

/// <summary>A record as the writer thread sees it. Valid until the table's next mutation.</summary>
internal readonly ref struct RecordView
{
    /// <summary>The record's handle.</summary>
    public required uint Handle { get; init; }

    /// <summary>Version, expiry, class and so on.</summary>
    public required RecordHeader Header { get; init; }

    /// <summary>The key.</summary>
    public required ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value.</summary>
    public required ReadOnlySpan<byte> Value { get; init; }
}

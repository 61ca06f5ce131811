namespace Appliance.State;

/// <summary>What the table keeps about a record beside key and value. Its meaning is the owner's, except that the table counts by service and class.</summary>
internal readonly record struct RecordHeader
{
    /// <summary>Largest expiry that is kept: the year 2109. A later one is stored as this.</summary>
    public const long MaxExpiryMilliseconds = (1L << 42) - 1;

    /// <summary>Term in the upper 20 bits, sequence in the lower 44.</summary>
    public ulong Version { get; init; }

    /// <summary>Milliseconds since the Unix epoch; 0 for never. At most <see cref="MaxExpiryMilliseconds"/>.</summary>
    public long ExpiryMilliseconds { get; init; }

    /// <summary>Ordinal of the member that wrote it.</summary>
    public byte Writer { get; init; }

    /// <summary>What the mirror of this node alone knows of the record, in the place of <see cref="Writer"/>.</summary>
    public LocalFlags Local
    {
        get => (LocalFlags)Writer;
        init => Writer = (byte)value;
    }

    /// <summary>Ordinal of the service that it belongs to.</summary>
    public byte Service { get; init; }

    /// <summary>Decides retention and eviction. Two bits.</summary>
    public RecordClass Class { get; init; }

    /// <summary>Layout of the value; unknown ones are kept as they are.</summary>
    public RecordKind Kind { get; init; }

    /// <summary>The record says that its key is deleted.</summary>
    public bool Tombstone { get; init; }
}

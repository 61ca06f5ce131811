namespace Appliance.State;

/// <summary>What the table keeps about a record beside key and value. Its meaning is the owner's, except that the table counts by service and class.</summary>
/// <remarks>Packed as it stands in the record's slot (<see cref="RecordSlot"/>), so that reading one is reading three words.</remarks>
internal readonly record struct RecordHeader
{
    /// <summary>Largest expiry that is kept: the year 2109. A later one is stored as this.</summary>
    public const long MaxExpiryMilliseconds = (1L << 42) - 1;

    /// <summary>Bits of <see cref="Flags"/> that belong to the header; the slot uses the others.</summary>
    internal const int FlagsMask = 0xF800;

    private const int ClassShift = 11, TombstoneShift = 13, ExpiryHighShift = 14;
    private const int ExpiryLowBits = 40, KindShift = 40, ServiceShift = 48, WriterShift = 56;
    private const ulong ExpiryLowMask = (1UL << ExpiryLowBits) - 1;

    private readonly ulong _meta;
    private readonly ushort _flags;

    /// <summary>A header from its packed words.</summary>
    internal RecordHeader(ulong version, ulong meta, int flags)
    {
        Version = version;
        _meta = meta;
        _flags = (ushort)(flags & FlagsMask);
    }

    /// <summary>Term in the upper 20 bits, sequence in the lower 44.</summary>
    public ulong Version { get; init; }

    /// <summary>Milliseconds since the Unix epoch; 0 for never. At most <see cref="MaxExpiryMilliseconds"/>.</summary>
    public long ExpiryMilliseconds
    {
        get => (long)(_meta & ExpiryLowMask | (ulong)(_flags >> ExpiryHighShift) << ExpiryLowBits);
        init
        {
            ulong expiry = (ulong)Math.Min(value, MaxExpiryMilliseconds);
            _meta = _meta & ~ExpiryLowMask | expiry & ExpiryLowMask;
            _flags = (ushort)(_flags & ~(3 << ExpiryHighShift) | (int)(expiry >> ExpiryLowBits) << ExpiryHighShift);
        }
    }

    /// <summary>Ordinal of the member that wrote it.</summary>
    public byte Writer
    {
        get => (byte)(_meta >> WriterShift);
        init => _meta = WithByte(_meta, WriterShift, value);
    }

    /// <summary>What the mirror of this node alone knows of the record, in the place of <see cref="Writer"/>.</summary>
    public LocalFlags Local
    {
        get => (LocalFlags)Writer;
        init => Writer = (byte)value;
    }

    /// <summary>Ordinal of the service that it belongs to.</summary>
    public byte Service
    {
        get => (byte)(_meta >> ServiceShift);
        init => _meta = WithByte(_meta, ServiceShift, value);
    }

    /// <summary>Decides retention and eviction. Two bits.</summary>
    public RecordClass Class
    {
        get => (RecordClass)(_flags >> ClassShift & 3);
        init => _flags = (ushort)(_flags & ~(3 << ClassShift) | ((int)value & 3) << ClassShift);
    }

    /// <summary>Layout of the value; unknown ones are kept as they are.</summary>
    public RecordKind Kind
    {
        get => (RecordKind)(byte)(_meta >> KindShift);
        init => _meta = WithByte(_meta, KindShift, (byte)value);
    }

    /// <summary>The record says that its key is deleted.</summary>
    public bool Tombstone
    {
        get => (_flags >> TombstoneShift & 1) != 0;
        init => _flags = (ushort)(_flags & ~(1 << TombstoneShift) | (value ? 1 : 0) << TombstoneShift);
    }

    /// <summary>Expiry bits 0..39, kind, service, writer.</summary>
    internal ulong Meta => _meta;

    /// <summary>Bits 11..12 class, 13 tombstone, 14..15 expiry bits 40..41.</summary>
    internal int Flags => _flags;

    private static ulong WithByte(ulong word, int shift, byte value) => word & ~(0xFFUL << shift) | (ulong)value << shift;
}

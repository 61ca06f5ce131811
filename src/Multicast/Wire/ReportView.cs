using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>What a REPORT says besides its ranges.</summary>
[Flags]
internal enum ReportFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The reporter holds the complete state.</summary>
    Synchronised = 1,

    /// <summary>The reporter does not hear the stream's sender: whoever holds what is missing may repair it (P-66).</summary>
    Orphan = 2,

    /// <summary>The ranges are left out on purpose: this report asks for nothing and withdraws nothing (P-48).</summary>
    WithoutRanges = 4,
}

/// <summary>The body of a REPORT: what one receiver has and lacks of one stream. Rules P-40 to P-49.</summary>
/// <remarks>
/// <code>
///  0             8                    16           24        32        40             44       48      49      50
///  | stream node | stream incarnation | contiguous | applied | highest | state number | window | flags | count | ranges
///  range: | offset of the first from contiguous u32 | sequences u32 |
/// </code>
/// Ascending, not touching. The first offset is at least 1.
/// </remarks>
internal readonly ref struct ReportView
{
    /// <summary>Ranges at most: a report stays below half a datagram.</summary>
    public const int MaxRanges = 64;

    /// <summary>Longest body.</summary>
    public const int MaxBytes = HeaderBytes + MaxRanges * RangeBytes;

    private const int HeaderBytes = 50, RangeBytes = 8;
    private readonly ReadOnlySpan<byte> _body;

    private ReportView(ReadOnlySpan<byte> body) => _body = body;

    public NodeId StreamNode => new(BinaryPrimitives.ReadUInt64BigEndian(_body));
    public ulong StreamIncarnation => BinaryPrimitives.ReadUInt64BigEndian(_body[8..]);

    /// <summary>Every sequence up to this one was received, or given up.</summary>
    public ulong Contiguous => BinaryPrimitives.ReadUInt64BigEndian(_body[16..]);

    /// <summary>Every sequence up to this one is applied.</summary>
    public ulong Applied => BinaryPrimitives.ReadUInt64BigEndian(_body[24..]);

    /// <summary>The highest sequence that is known to exist.</summary>
    public ulong Highest => BinaryPrimitives.ReadUInt64BigEndian(_body[32..]);

    /// <summary>Grows with every change of the reporter's state flags, so that an old datagram does not undo a new one.</summary>
    public uint StateNumber => BinaryPrimitives.ReadUInt32BigEndian(_body[40..]);

    /// <summary>Datagrams beyond <see cref="Contiguous"/> for which there is room.</summary>
    public uint Window => BinaryPrimitives.ReadUInt32BigEndian(_body[44..]);
    public ReportFlags Flags => (ReportFlags)_body[48];
    public int RangeCount => _body[49];

    public SequenceRange this[int index]
    {
        get
        {
            var bytes = _body.Slice(HeaderBytes + index * RangeBytes, RangeBytes);
            ulong first = Contiguous + BinaryPrimitives.ReadUInt32BigEndian(bytes);
            return new SequenceRange(first, first + BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]) - 1);
        }
    }

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out ReportView view)
    {
        view = default;
        if (body.Length < HeaderBytes) return DropReason.Truncated;
        int count = body[49];
        if (count > MaxRanges || body.Length != HeaderBytes + count * RangeBytes) return DropReason.Malformed;
        var candidate = new ReportView(body);
        if (candidate.Contiguous > long.MaxValue || candidate.Applied > candidate.Contiguous || candidate.Highest < candidate.Contiguous || candidate.Highest > long.MaxValue)
            return DropReason.Malformed;
        ulong next = 1;                                    // offset that the next range must reach
        for (int i = 0; i < count; i++)
        {
            var bytes = body.Slice(HeaderBytes + i * RangeBytes, RangeBytes);
            ulong offset = BinaryPrimitives.ReadUInt32BigEndian(bytes);
            ulong length = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
            if (offset < next || length == 0) return DropReason.Malformed;
            next = offset + length + 1;                    // one sequence at least lies between two ranges
        }
        view = candidate;
        return DropReason.None;
    }

    /// <summary>Writes a body.</summary>
    /// <param name="destination">At least <see cref="MaxBytes"/> long.</param>
    /// <param name="fields">All but the ranges.</param>
    /// <param name="ranges">Ascending, not touching, beyond contiguous, at most <see cref="MaxRanges"/>.</param>
    /// <returns>Its length.</returns>
    public static int Write(Span<byte> destination, in ReportFields fields, ReadOnlySpan<SequenceRange> ranges)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, fields.StreamNode.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], fields.StreamIncarnation);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], fields.Contiguous);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], fields.Applied);
        BinaryPrimitives.WriteUInt64BigEndian(destination[32..], fields.Highest);
        BinaryPrimitives.WriteUInt32BigEndian(destination[40..], fields.StateNumber);
        BinaryPrimitives.WriteUInt32BigEndian(destination[44..], fields.Window);
        destination[48] = (byte)fields.Flags;
        destination[49] = (byte)ranges.Length;
        int at = HeaderBytes;
        foreach (var range in ranges)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination[at..], (uint)(range.First - fields.Contiguous));
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 4)..], (uint)range.Count);
            at += RangeBytes;
        }
        return at;
    }
}

/// <summary>A REPORT without its ranges; see <see cref="ReportView"/> for the meaning of each.</summary>
internal readonly record struct ReportFields(NodeId StreamNode, ulong StreamIncarnation, ulong Contiguous, ulong Applied, ulong Highest, uint StateNumber,
    uint Window, ReportFlags Flags);

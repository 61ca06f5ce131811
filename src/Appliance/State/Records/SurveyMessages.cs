using System.Buffers.Binary;
using Appliance.Multicast;

namespace Appliance.State;

/// <summary>Asks all members where they stand with a service; the answers are <see cref="PositionMessage"/>s.</summary>
/// <remarks>
/// <code>
///  0      1       4            8      16
///  | type | 0 0 0 | service id | term | number |
/// </code>
/// Integers are big-endian. Who answers a term other than 0 promises to take no record of a lower one from then on. The number tells the asker's surveys apart.
/// </remarks>
internal static class SurveyMessage
{
    internal const int Bytes = 24;

    /// <summary>Writes a survey.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, ulong term, ulong number)
    {
        ControlHeader.Write(destination, MessageType.Survey, service, new RecordVersion(term));
        BinaryPrimitives.WriteUInt64BigEndian(destination[ControlHeader.Bytes..], number);
        return Bytes;
    }

    /// <summary>Reads a survey.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out ServiceId service, out ulong term, out ulong number)
    {
        number = 0;
        RecordParseResult result = ControlHeader.TryParse(bytes, MessageType.Survey, out service, out RecordVersion version);
        term = version.Value;
        if (result != RecordParseResult.Ok) return result;
        if (bytes.Length != Bytes) return bytes.Length < Bytes ? RecordParseResult.Truncated : RecordParseResult.TrailingBytes;
        if (term > RecordVersion.MaxTerm) return RecordParseResult.BadNumber;
        number = BinaryPrimitives.ReadUInt64BigEndian(bytes[ControlHeader.Bytes..]);
        return RecordParseResult.Ok;
    }
}

/// <summary>Where a member stands with one service.</summary>
internal sealed record ServicePosition
{
    /// <summary>Everything up to this version is applied: a member that is not complete stopped being so here.</summary>
    public required RecordVersion Position { get; init; }

    /// <summary>The newest version that it holds, perhaps beyond a hole.</summary>
    public required RecordVersion Highest { get; init; }

    /// <summary>Tombstones up to here are forgotten.</summary>
    public required RecordVersion Floor { get; init; }

    /// <summary>It holds everything up to its position and is in step with the stream.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>It is the primary and serves.</summary>
    public required bool IsPrimary { get; init; }

    /// <summary>
    /// It was complete once in this life, so what any of its lives acknowledged is in it up to its position. A member that restarted and has not synchronised yet does not remember.
    /// </summary>
    public required bool Remembers { get; init; }

    /// <summary>It refuses records of lower terms than this.</summary>
    public required ulong Promised { get; init; }

    /// <summary>What it knows of the terms.</summary>
    public required TermChain Chain { get; init; }
}

/// <summary>A member's answer to a <see cref="SurveyMessage"/>.</summary>
/// <remarks>
/// <code>
///  0      1       4            8          16           24       32      33  40        48      56              64             72
///  | type | 0 0 0 | service id | position | asker node | number | flags | 0 | highest | floor | promised term | current term | term chain
///
///  flags:  bit 0 complete, bit 1 primary, bit 2 remembers
/// </code>
/// Integers are big-endian. Others than the asker ignore it.
/// </remarks>
internal static class PositionMessage
{
    /// <summary>Most bytes of an answer.</summary>
    internal const int MaxBytes = FixedBytes + TermChain.MaxBytes;

    private const int FixedBytes = 72;
    private const byte CompleteBit = 1, PrimaryBit = 2, RemembersBit = 4;

    /// <summary>Writes an answer.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, NodeId asker, ulong number, ServicePosition position)
    {
        ControlHeader.Write(destination, MessageType.Position, service, position.Position);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], asker.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], number);
        destination[32..40].Clear();
        destination[32] = (byte)((position.IsComplete ? CompleteBit : 0) | (position.IsPrimary ? PrimaryBit : 0) | (position.Remembers ? RemembersBit : 0));
        BinaryPrimitives.WriteUInt64BigEndian(destination[40..], position.Highest.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[48..], position.Floor.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[56..], position.Promised);
        BinaryPrimitives.WriteUInt64BigEndian(destination[64..], position.Chain.CurrentTerm);
        return FixedBytes + position.Chain.Write(destination[FixedBytes..]);
    }

    /// <summary>Reads an answer. Allocates: it is rare and bounded.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out ServiceId service, out NodeId asker, out ulong number, out ServicePosition? position)
    {
        asker = NodeId.None;
        number = 0;
        position = null;
        RecordParseResult result = ControlHeader.TryParse(bytes, MessageType.Position, out service, out RecordVersion version);
        if (result != RecordParseResult.Ok) return result;
        if (bytes.Length < FixedBytes) return RecordParseResult.Truncated;
        byte flags = bytes[32];
        if (flags > (CompleteBit | PrimaryBit | RemembersBit) || bytes[33..40].ContainsAnyExcept((byte)0)) return RecordParseResult.BadAttributes;
        ulong promised = BinaryPrimitives.ReadUInt64BigEndian(bytes[56..]);
        if (promised > RecordVersion.MaxTerm) return RecordParseResult.BadNumber;
        result = TermChain.TryParse(bytes[FixedBytes..], BinaryPrimitives.ReadUInt64BigEndian(bytes[64..]), out TermChain chain);
        if (result != RecordParseResult.Ok) return result;
        asker = new NodeId(BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]));
        number = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
        position = new ServicePosition
        {
            Position = version,
            Highest = new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(bytes[40..])),
            Floor = new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(bytes[48..])),
            IsComplete = (flags & CompleteBit) != 0,
            IsPrimary = (flags & PrimaryBit) != 0,
            Remembers = (flags & RemembersBit) != 0,
            Promised = promised,
            Chain = chain,
        };
        return RecordParseResult.Ok;
    }
}

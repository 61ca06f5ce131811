using System.Buffers.Binary;

namespace Appliance.State;

/// <summary>The first message of a term: where each earlier term of the service ends (ARCHITECTURE 3, the cut).</summary>
/// <remarks>
/// <code>
///  0      1           4            8         16
///  | type | 0 0 0     | service id | version | term chain
/// </code>
/// The version's term is the new one, its sequence is 1.
/// </remarks>
internal static class CutMessage
{
    internal const int FixedBytes = 16;

    /// <summary>Most bytes of a cut.</summary>
    internal const int MaxBytes = FixedBytes + TermChain.MaxBytes;

    /// <summary>Writes a cut.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, TermChain chain)
    {
        ControlHeader.Write(destination, MessageType.Cut, service, new RecordVersion(chain.CurrentTerm, 1));
        return FixedBytes + chain.Write(destination[FixedBytes..]);
    }

    /// <summary>Reads a cut.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out ServiceId service, out TermChain chain)
    {
        chain = TermChain.Empty;
        RecordParseResult result = ControlHeader.TryParse(bytes, MessageType.Cut, out service, out RecordVersion version);
        if (result != RecordParseResult.Ok) return result;
        if (version.Term == 0 || version.Sequence != 1) return RecordParseResult.BadNumber;
        return TermChain.TryParse(bytes[FixedBytes..], version.Term, out chain);
    }
}

/// <summary>Tombstones of the service up to and including the version may be forgotten: every configured data member has passed them, or memory forced it.</summary>
/// <remarks>Layout: <see cref="ControlHeader"/> alone.</remarks>
internal static class FloorMessage
{
    internal const int Bytes = 16;

    /// <summary>Writes a floor.</summary>
    internal static int Write(Span<byte> destination, ServiceId service, RecordVersion floor)
    {
        ControlHeader.Write(destination, MessageType.Floor, service, floor);
        return Bytes;
    }

    /// <summary>Reads a floor.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, out ServiceId service, out RecordVersion floor)
    {
        RecordParseResult result = ControlHeader.TryParse(bytes, MessageType.Floor, out service, out floor);
        return result == RecordParseResult.Ok && bytes.Length != Bytes ? RecordParseResult.TrailingBytes : result;
    }
}

/// <summary>What control messages begin with: <c>type, three zero bytes, service id u32, version u64</c>.</summary>
internal static class ControlHeader
{
    internal const int Bytes = 16;

    /// <summary>Writes the header.</summary>
    internal static void Write(Span<byte> destination, MessageType type, ServiceId service, RecordVersion version)
    {
        destination[..4].Clear();
        destination[0] = (byte)type;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], service.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], version.Value);
    }

    /// <summary>Reads the header.</summary>
    internal static RecordParseResult TryParse(ReadOnlySpan<byte> bytes, MessageType type, out ServiceId service, out RecordVersion version)
    {
        service = default;
        version = default;
        if (bytes.Length < Bytes) return RecordParseResult.Truncated;
        if (bytes[0] != (byte)type) return RecordParseResult.WrongType;
        if ((bytes[1] | bytes[2] | bytes[3]) != 0) return RecordParseResult.BadAttributes;
        service = new ServiceId(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]));
        version = new RecordVersion(BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
        return RecordParseResult.Ok;
    }
}

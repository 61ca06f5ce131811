using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>The body of a LEAVE: where the stream ends. Rule P-86.</summary>
/// <remarks>
/// <code>
///  0         8
///  | highest |
/// </code>
/// </remarks>
internal readonly ref struct LeaveView
{
    public const int Bytes = 8;
    private readonly ReadOnlySpan<byte> _body;

    private LeaveView(ReadOnlySpan<byte> body) => _body = body;

    /// <summary>The last sequence of the stream; 0 when it has none.</summary>
    public ulong Highest => BinaryPrimitives.ReadUInt64BigEndian(_body);

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out LeaveView view)
    {
        view = default;
        if (body.Length < Bytes) return DropReason.Truncated;
        if (body.Length != Bytes) return DropReason.Malformed;
        var candidate = new LeaveView(body);
        if (candidate.Highest > long.MaxValue) return DropReason.Malformed;
        view = candidate;
        return DropReason.None;
    }

    /// <summary>Writes a body.</summary>
    public static int Write(Span<byte> destination, ulong highest)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, highest);
        return Bytes;
    }
}

using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>The body of a GONE: the sender of a stream tells one receiver what it can no longer repair. Rule P-64.</summary>
/// <remarks>
/// <code>
///  0               8                      16       24      25
///  | receiver node | receiver incarnation | oldest | flags |
/// </code>
/// Everything below <c>oldest</c> is gone. Flag bit 0: the receiver was ejected.
/// </remarks>
internal readonly ref struct GoneView
{
    public const int Bytes = 25;
    private readonly ReadOnlySpan<byte> _body;

    private GoneView(ReadOnlySpan<byte> body) => _body = body;

    public NodeId ReceiverNode => new(BinaryPrimitives.ReadUInt64BigEndian(_body));
    public ulong ReceiverIncarnation => BinaryPrimitives.ReadUInt64BigEndian(_body[8..]);
    public ulong Oldest => BinaryPrimitives.ReadUInt64BigEndian(_body[16..]);
    public bool Ejected => (_body[24] & 1) != 0;

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out GoneView view)
    {
        view = default;
        if (body.Length < Bytes) return DropReason.Truncated;
        if (body.Length != Bytes) return DropReason.Malformed;
        var candidate = new GoneView(body);
        if (candidate.Oldest is 0 or > long.MaxValue) return DropReason.Malformed;
        view = candidate;
        return DropReason.None;
    }

    /// <summary>Writes a body.</summary>
    public static int Write(Span<byte> destination, NodeId receiverNode, ulong receiverIncarnation, ulong oldest, bool ejected)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, receiverNode.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], receiverIncarnation);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], oldest);
        destination[24] = ejected ? (byte)1 : (byte)0;
        return Bytes;
    }
}

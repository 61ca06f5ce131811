using System.Buffers.Binary;
using System.Net;
using Appliance.Multicast.Protocol;

namespace Appliance.Multicast.Wire;

/// <summary>The body of a SETUP: lets one node admit the sender's stream, or tells it why it is not admitted. Rules P-31 to P-38.</summary>
/// <remarks>
/// <code>
///  0             8                    16           24         32       33      34         36                  44                64
///  | target node | target incarnation | nonce echo | position | status | flags | reserved | known incarnation | known end point | introduction
/// </code>
/// position: the first sequence the target receives of the sender's stream. status: <see cref="RefusalReason"/>, 0 = admitted.
/// flags bit 0: the sender has not admitted the target yet and asks for its SETUP. The known fields stand with a refusal.
/// </remarks>
internal readonly ref struct SetupView
{
    public const int HeaderBytes = 64, MaxBytes = HeaderBytes + IntroductionView.MaxBytes;
    private readonly ReadOnlySpan<byte> _body;

    private SetupView(ReadOnlySpan<byte> body, IntroductionView introduction)
    {
        _body = body;
        Introduction = introduction;
    }

    public NodeId TargetNode => new(BinaryPrimitives.ReadUInt64BigEndian(_body));
    public ulong TargetIncarnation => BinaryPrimitives.ReadUInt64BigEndian(_body[8..]);
    public ulong NonceEcho => BinaryPrimitives.ReadUInt64BigEndian(_body[16..]);
    public ulong Position => BinaryPrimitives.ReadUInt64BigEndian(_body[24..]);
    public RefusalReason Status => (RefusalReason)_body[32];
    public bool WantsSetup => (_body[33] & 1) != 0;
    public ulong KnownIncarnation => BinaryPrimitives.ReadUInt64BigEndian(_body[36..]);
    public IPEndPoint? KnownEndPoint => EndPointField.Read(_body.Slice(44, EndPointField.Bytes));
    public IntroductionView Introduction { get; }

    /// <summary>Validates everything once.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> body, out SetupView view)
    {
        view = default;
        if (body.Length < HeaderBytes) return DropReason.Truncated;
        ulong position = BinaryPrimitives.ReadUInt64BigEndian(body[24..]);
        if (body[32] > (byte)RefusalReason.GroupFull || !EndPointField.IsWellFormed(body[44..]) || position is 0 or > long.MaxValue) return DropReason.Malformed;
        var reason = IntroductionView.TryParse(body[HeaderBytes..], out var introduction);
        if (reason != DropReason.None) return reason;
        view = new SetupView(body, introduction);
        return DropReason.None;
    }

    /// <summary>Writes a body.</summary>
    /// <returns>Its length.</returns>
    public static int Write(Span<byte> destination, NodeId targetNode, ulong targetIncarnation, ulong nonceEcho, ulong position, RefusalReason status,
        bool wantsSetup, ulong knownIncarnation, IPEndPoint? knownEndPoint, Introduction introduction)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, targetNode.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], targetIncarnation);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], nonceEcho);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], position);
        destination[32] = (byte)status;
        destination[33] = wantsSetup ? (byte)1 : (byte)0;
        destination[34] = destination[35] = 0;
        BinaryPrimitives.WriteUInt64BigEndian(destination[36..], knownIncarnation);
        EndPointField.Write(destination[44..], knownEndPoint);
        return HeaderBytes + IntroductionView.Write(destination[HeaderBytes..], introduction);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Multicast.Wire;

/// <summary>The first bytes of every datagram. Rules P-01 to P-06 in docs/protocol.md.</summary>
/// <remarks>
/// <code>
///  0         1      2       4       8      16            24        32       34           36
///  | version | type | flags | group | node | incarnation | counter | key id | body bytes | [salt 16] | body, padding | [tag 16]
/// </code>
/// Integers are big-endian. The first 8 bytes are the prefix; a REPAIR has only these. JOIN and SETUP carry the salt in the clear.
/// Header and salt are authenticated, body and padding sealed.
/// </remarks>
internal readonly ref struct DatagramHeader
{
    public const int PrefixBytes = 8, Bytes = 36, SaltBytes = 16, TagBytes = 16;

    /// <summary>Wire version of JOIN and SETUP for ever, and the first of all others (P-30).</summary>
    public const byte HandshakeVersion = 1;

    private readonly ReadOnlySpan<byte> _datagram;

    private DatagramHeader(ReadOnlySpan<byte> datagram) => _datagram = datagram;

    public byte Version => _datagram[0];
    public DatagramType Type => (DatagramType)_datagram[1];
    public DatagramFlags Flags => (DatagramFlags)BinaryPrimitives.ReadUInt16BigEndian(_datagram[2..]);
    public uint Group => BinaryPrimitives.ReadUInt32BigEndian(_datagram[4..]);
    public NodeId Node => new(BinaryPrimitives.ReadUInt64BigEndian(_datagram[8..]));
    public ulong Incarnation => BinaryPrimitives.ReadUInt64BigEndian(_datagram[16..]);

    /// <summary>The sequence of DATA; of the others a number that never repeats in the life of the sender.</summary>
    public ulong Counter => BinaryPrimitives.ReadUInt64BigEndian(_datagram[24..]);
    public ushort KeyId => BinaryPrimitives.ReadUInt16BigEndian(_datagram[32..]);

    /// <summary>Length of the body without padding.</summary>
    public int BodyBytes => BinaryPrimitives.ReadUInt16BigEndian(_datagram[34..]);

    /// <summary>The salt of JOIN and SETUP.</summary>
    public UInt128 Salt => BinaryPrimitives.ReadUInt128BigEndian(_datagram[Bytes..]);

    /// <summary>Bytes before the body.</summary>
    public int ClearBytes => ClearBytesOf(Type);

    /// <summary>Sealed body and padding.</summary>
    public ReadOnlySpan<byte> Sealed => (Flags & DatagramFlags.Sealed) != 0 ? _datagram[ClearBytes..^TagBytes] : _datagram[ClearBytes..];

    /// <summary>The whole datagram.</summary>
    public ReadOnlySpan<byte> Datagram => _datagram;

    /// <summary>Bytes before the body of a datagram of this type.</summary>
    public static int ClearBytesOf(DatagramType type) => type is DatagramType.Join or DatagramType.Setup ? Bytes + SaltBytes : Bytes;

    /// <summary>Number of a group: the first four bytes of the SHA-256 of its name.</summary>
    public static uint GroupNumber(string groupName)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(groupName), hash);
        return BinaryPrimitives.ReadUInt32BigEndian(hash);
    }

    /// <summary>Checks all lengths of a datagram other than REPAIR once; after <see cref="DropReason.None"/> no member can fail.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> datagram, out DatagramHeader header)
    {
        header = default;
        if (datagram.Length < Bytes) return DropReason.Truncated;
        var candidate = new DatagramHeader(datagram);
        int tag = (candidate.Flags & DatagramFlags.Sealed) != 0 ? TagBytes : 0;
        if (datagram.Length < candidate.ClearBytes + candidate.BodyBytes + tag) return DropReason.Truncated;
        if (candidate.Node == NodeId.None || candidate.Incarnation == 0 || candidate.Counter == 0) return DropReason.Malformed;
        header = candidate;
        return DropReason.None;
    }

    /// <summary>Writes the header; the length of the destination is the caller's care.</summary>
    public static void Write(Span<byte> destination, byte version, DatagramType type, DatagramFlags flags, uint group, NodeId node, ulong incarnation,
        ulong counter, ushort keyId, int bodyBytes)
    {
        WritePrefix(destination, version, type, flags, group);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], node.Value);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], incarnation);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], counter);
        BinaryPrimitives.WriteUInt16BigEndian(destination[32..], keyId);
        BinaryPrimitives.WriteUInt16BigEndian(destination[34..], (ushort)bodyBytes);
    }

    /// <summary>Writes the first eight bytes.</summary>
    public static void WritePrefix(Span<byte> destination, byte version, DatagramType type, DatagramFlags flags, uint group)
    {
        destination[0] = version;
        destination[1] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)flags);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], group);
    }
}

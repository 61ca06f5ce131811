using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Multicast.Transport;

/// <summary>The first message of each end of a <see cref="SealedConnection"/>; plain, but every later key depends on each of its bits.</summary>
/// <remarks>
/// <code>
///  0       4         5          6        8       40           41           73          74          106
///  | magic | version | security | key id | nonce | group len  | group name | name len  | node name |
/// </code>
/// Integers are big-endian; names are ASCII, padded with zeros. In the listener's hello the field "security" is its answer:
/// 0 for accepted, else a <see cref="SealedConnectionError"/>; a refusing hello names nobody.
/// </remarks>
internal readonly ref struct SealedHello
{
    internal const int Bytes = 106;
    internal const byte Version = 1;
    private const uint Magic = 0x41504C53; // "APLS"
    private const int NonceOffset = 8, NonceBytes = 32, GroupOffset = 40, NameOffset = 73;
    private readonly ReadOnlySpan<byte> _bytes;

    private SealedHello(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>From the caller: 1 when it seals. From the listener: its answer.</summary>
    internal byte Security => _bytes[5];

    internal ushort KeyId => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    internal string GroupName => ReadName(GroupOffset);

    internal string NodeName => ReadName(NameOffset);

    /// <summary>Validates everything once.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, out SealedHello hello)
    {
        hello = default;
        if (bytes.Length != Bytes || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic || bytes[4] != Version) return false;
        if (!IsName(bytes[GroupOffset..NameOffset]) || !IsName(bytes[NameOffset..])) return false;
        hello = new SealedHello(bytes);
        return true;
    }

    /// <summary>Writes a hello with a fresh nonce.</summary>
    internal static void Write(Span<byte> destination, byte security, ushort keyId, string groupName, string nodeName)
    {
        destination[..Bytes].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(destination, Magic);
        destination[4] = Version;
        destination[5] = security;
        BinaryPrimitives.WriteUInt16BigEndian(destination[6..], keyId);
        RandomNumberGenerator.Fill(destination.Slice(NonceOffset, NonceBytes));
        WriteName(destination[GroupOffset..], groupName);
        WriteName(destination[NameOffset..], nodeName);
    }

    private static bool IsName(ReadOnlySpan<byte> field)
    {
        int length = field[0];
        if (length > NodeId.MaxNameLength) return false;
        foreach (byte character in field.Slice(1, length))
            if (!char.IsAsciiLetterLower((char)character) && !char.IsAsciiDigit((char)character) && character is not ((byte)'-' or (byte)'_' or (byte)'.')) return false;
        return !field[(1 + length)..].ContainsAnyExcept((byte)0);
    }

    private static void WriteName(Span<byte> field, string name)
    {
        field[0] = (byte)name.Length;
        Encoding.ASCII.GetBytes(name, field[1..]);
    }

    private string ReadName(int offset) => Encoding.ASCII.GetString(_bytes.Slice(offset + 1, _bytes[offset]));
}

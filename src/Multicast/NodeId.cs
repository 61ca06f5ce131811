using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.Multicast;

/// <summary>A node's number on the wire: the first eight bytes of the SHA-256 of its name.</summary>
/// <remarks>Names are 1 to 32 characters of <c>a-z 0-9 - _ .</c>; the name itself travels in JOIN and SETUP, so that two names with one number are noticed.</remarks>
/// <param name="Value">The number; 0 names no node.</param>
public readonly record struct NodeId(ulong Value)
{
    /// <summary>Longest name in characters.</summary>
    public const int MaxNameLength = 32;

    /// <summary>No node.</summary>
    public static readonly NodeId None;

    /// <summary>The number of a named node.</summary>
    /// <exception cref="ArgumentException">The name is empty, too long, or has a character that is not allowed.</exception>
    public static NodeId FromName(string name)
    {
        if (!IsValidName(name))
            throw new ArgumentException($"'{name}' is no node id: use 1 to {MaxNameLength} characters of a-z, 0-9, '-', '_', '.'", nameof(name));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.ASCII.GetBytes(name), hash);
        ulong value = BinaryPrimitives.ReadUInt64BigEndian(hash);
        return new NodeId(value == 0 ? 1 : value);
    }

    /// <summary>Whether a text may be a node's name.</summary>
    public static bool IsValidName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.');

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("x16");
}

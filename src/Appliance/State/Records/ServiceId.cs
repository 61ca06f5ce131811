using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Appliance.State;

/// <summary>A service's number on the wire: the first four bytes of the SHA-256 of its name, so that nodes need not list their services in the same order.</summary>
/// <param name="Value">The number.</param>
internal readonly record struct ServiceId(uint Value)
{
    /// <summary>The number of a named service. Two names of one group with the same number are a configuration error.</summary>
    internal static ServiceId FromName(string name)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), hash);
        return new ServiceId(BinaryPrimitives.ReadUInt32BigEndian(hash));
    }

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("x8");
}

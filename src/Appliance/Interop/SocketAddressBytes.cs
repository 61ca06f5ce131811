using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>
/// An IPv4 or IPv6 address with port, as the kernel has it.
/// <code>
/// sockaddr_in   family u16 | port u16 big-endian | address 4
/// sockaddr_in6  family u16 | port u16 big-endian | flow u32 | address 16 | scope u32
/// </code>
/// </summary>
internal struct SocketAddressBytes : IEquatable<SocketAddressBytes>
{
    /// <summary>Bytes of the larger of the two.</summary>
    internal const int Capacity = 28;

    internal InlineStorage Storage;

    [InlineArray(Capacity)]
    internal struct InlineStorage
    {
        private byte _first;
    }

    internal SocketAddressBytes(IPEndPoint endPoint)
    {
        Span<byte> bytes = Storage;
        ushort family = endPoint.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? Sockets.Inet : Sockets.Inet6;
        MemoryMarshal.Write(bytes, family);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        if (family == Sockets.Inet)
        {
            endPoint.Address.TryWriteBytes(bytes[4..], out _);
            return;
        }
        endPoint.Address.TryWriteBytes(bytes[8..], out _);
        MemoryMarshal.Write(bytes[24..], (uint)endPoint.Address.ScopeId);
    }

    /// <summary>Bytes that the kernel reads.</summary>
    [UnscopedRef]
    internal readonly ReadOnlySpan<byte> Bytes => ((ReadOnlySpan<byte>)Storage)[..Length];

    internal readonly ushort Family => MemoryMarshal.Read<ushort>(Storage);

    internal readonly int Length => Family == Sockets.Inet ? 16 : Capacity;

    /// <summary>The port.</summary>
    internal readonly int Port => BinaryPrimitives.ReadUInt16BigEndian(((ReadOnlySpan<byte>)Storage)[2..]);

    /// <summary>The bytes of the IP address: 4 or 16, in network order.</summary>
    [UnscopedRef]
    internal readonly ReadOnlySpan<byte> AddressBytes => Family == Sockets.Inet ? ((ReadOnlySpan<byte>)Storage).Slice(4, 4) : ((ReadOnlySpan<byte>)Storage).Slice(8, 16);

    /// <summary>An address from its parts.</summary>
    /// <param name="address">4 or 16 bytes in network order.</param>
    /// <param name="port">The port.</param>
    internal static SocketAddressBytes Of(ReadOnlySpan<byte> address, ushort port)
    {
        SocketAddressBytes result = default;
        Span<byte> bytes = result.Storage;
        bool four = address.Length == 4;
        MemoryMarshal.Write(bytes, four ? Sockets.Inet : Sockets.Inet6);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], port);
        address.CopyTo(bytes[(four ? 4 : 8)..]);
        return result;
    }

    /// <inheritdoc/>
    public readonly bool Equals(SocketAddressBytes other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is SocketAddressBytes other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>The address for people and logs; allocates.</summary>
    internal readonly IPEndPoint ToEndPoint()
    {
        ReadOnlySpan<byte> bytes = Storage;
        int port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return Family == Sockets.Inet
            ? new IPEndPoint(new IPAddress(bytes.Slice(4, 4)), port)
            : new IPEndPoint(new IPAddress(bytes.Slice(8, 16), MemoryMarshal.Read<uint>(bytes[24..])), port);
    }
}

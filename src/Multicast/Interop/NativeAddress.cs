using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>A socket address as the kernel reads and writes it: sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes). A value, so that none is allocated per datagram.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeAddress : IEquatable<NativeAddress>
{
    /// <summary>Bytes of a sockaddr_in6, the longer of the two.</summary>
    internal const int MaxBytes = 28;

    private const int Version4Bytes = 16;
    private Storage _storage;

    /// <summary>Bytes in use; 0 when there is no address.</summary>
    internal uint Length;

    internal NativeAddress(IPEndPoint endPoint)
    {
        SocketAddress serialised = endPoint.Serialize();
        Length = endPoint.AddressFamily == AddressFamily.InterNetwork ? Version4Bytes : (uint)MaxBytes;
        serialised.Buffer.Span[..(int)Length].CopyTo(Bytes);
    }

    /// <summary>The address as bytes, also for the kernel to write into.</summary>
    [UnscopedRef]
    internal Span<byte> Bytes => _storage;

    /// <summary>The endpoint. Allocates; see <see cref="Transport.EndPointCache"/>.</summary>
    internal IPEndPoint ToEndPoint()
    {
        AddressFamily family = Length > Version4Bytes ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        var serialised = new SocketAddress(family, (int)Math.Max(Length, Version4Bytes));
        Bytes[..serialised.Size].CopyTo(serialised.Buffer.Span);
        var prototype = new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        return (IPEndPoint)prototype.Create(serialised);
    }

    public bool Equals(NativeAddress other) => Length == other.Length && Bytes[..(int)Length].SequenceEqual(other.Bytes[..(int)other.Length]);

    public override bool Equals(object? obj) => obj is NativeAddress other && Equals(other);

    /// <summary>Spreads all bytes over all bits; no defence against chosen addresses is needed where it is used (a bounded cache).</summary>
    public override int GetHashCode()
    {
        const ulong mixer = 0x9E3779B97F4A7C15;
        ulong hash = MemoryMarshal.Read<ulong>(Bytes) * mixer;
        hash = ((hash ^ (hash >> 32)) + MemoryMarshal.Read<ulong>(Bytes[8..])) * mixer;
        hash = ((hash ^ (hash >> 32)) + MemoryMarshal.Read<ulong>(Bytes[16..])) * mixer;
        return (int)(hash >> 32);
    }

    [InlineArray(MaxBytes)]
    private struct Storage
    {
        private byte _first;
    }
}

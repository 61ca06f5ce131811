using System.Buffers.Binary;
using System.Net;
using System.Runtime.CompilerServices;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>An IP address as a value: IPv6, or IPv4 in its mapped form (RFC 4291 section 2.5.5.2) with a mark that it was IPv4 on the wire.</summary>
public readonly struct IpAddressBytes : IEquatable<IpAddressBytes>
{
    private const ulong MappedPrefix = 0xffff_0000_0000;
    private readonly ulong _high, _low;

    /// <param name="bytes">Four or sixteen bytes in network order.</param>
    public IpAddressBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 4)
        {
            _low = MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes);
            IsIPv4 = true;
            return;
        }
        _high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
    }

    /// <summary>It was IPv4 on the wire.</summary>
    public bool IsIPv4 { get; }

    /// <summary>Orders addresses by their number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int CompareTo(in IpAddressBytes other) => _high != other._high ? _high.CompareTo(other._high) : _low.CompareTo(other._low);

    /// <summary>Writes four or sixteen bytes in network order.</summary>
    /// <returns>How many.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int CopyTo(Span<byte> destination)
    {
        if (IsIPv4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)_low);
            return 4;
        }
        BinaryPrimitives.WriteUInt64BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _low);
        return 16;
    }

    /// <summary>The address as the framework's type.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        return new IPAddress(bytes[..CopyTo(bytes)]);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Equals(IpAddressBytes other) => _high == other._high && _low == other._low && IsIPv4 == other.IsIPv4;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is IpAddressBytes other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_high, _low);

    /// <inheritdoc/>
    public override string ToString() => ToIPAddress().ToString();

    /// <summary>The same address.</summary>
    public static bool operator ==(IpAddressBytes left, IpAddressBytes right) => left.Equals(right);

    /// <summary>Not the same address.</summary>
    public static bool operator !=(IpAddressBytes left, IpAddressBytes right) => !left.Equals(right);
}

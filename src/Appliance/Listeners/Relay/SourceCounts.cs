using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Listeners.Relay;

/// <summary>Connections per client. An IPv6 client is a /64: that is what one customer gets, with 2^64 addresses to choose from. Never more entries than connections. Loop thread.</summary>
internal sealed class SourceCounts
{
    private readonly Dictionary<(ulong Prefix, bool IsIpv6), int> _counts = [];

    /// <summary>Clients with connections.</summary>
    public int Sources => _counts.Count;

    /// <summary>Counts a connection; false, with nothing done, when the client has so many already.</summary>
    public bool TryAdd(in SocketAddressBytes client, int limit)
    {
        ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, KeyOf(client), out _);
        if (limit > 0 && count >= limit) return false;
        count++;
        return true;
    }

    /// <summary>A connection has ended.</summary>
    public void Remove(in SocketAddressBytes client)
    {
        var key = KeyOf(client);
        ref int count = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, key);
        if (--count == 0) _counts.Remove(key);
    }

    private static (ulong, bool) KeyOf(in SocketAddressBytes client)
    {
        ReadOnlySpan<byte> address = client.AddressBytes;
        return address.Length == 4 ? (BinaryPrimitives.ReadUInt32BigEndian(address), false) : (BinaryPrimitives.ReadUInt64BigEndian(address), true);
    }
}

using System.Net;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Turns source addresses of datagrams into endpoints without allocating for those seen before.</summary>
/// <remarks>Direct-mapped and bounded: strangers with ever new addresses make garbage, never growth. One thread.</remarks>
internal sealed class EndPointCache
{
    /// <summary>Four times a large group (64 nodes), so that two members seldom share a slot.</summary>
    private const int Slots = 256;

    private readonly NativeAddress[] _addresses = new NativeAddress[Slots];
    private readonly IPEndPoint?[] _endPoints = new IPEndPoint?[Slots];

    /// <summary>The endpoint of an address.</summary>
    internal IPEndPoint Find(ref NativeAddress address)
    {
        int slot = address.GetHashCode() & (Slots - 1);
        IPEndPoint? known = _endPoints[slot];
        if (known is not null && _addresses[slot].Equals(address)) return known;
        IPEndPoint found = address.ToEndPoint();
        _addresses[slot] = address;
        _endPoints[slot] = found;
        return found;
    }
}

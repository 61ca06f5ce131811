using System.Net;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Turns source addresses of datagrams into endpoints without allocating for those seen before.</summary>
/// <remarks>Bounded: strangers with ever new addresses make garbage, never growth. One thread.</remarks>
internal sealed class EndPointCache
{
    /// <summary>128 sets of 4: the two sockets of each node of a large group (64) fill a quarter.</summary>
    private const int Sets = 128, Ways = 4;

    private readonly NativeAddress[] _addresses = new NativeAddress[Sets * Ways];
    private readonly IPEndPoint?[] _endPoints = new IPEndPoint?[Sets * Ways];
    private int _victim;

    /// <summary>The endpoint of an address.</summary>
    internal IPEndPoint Find(ref NativeAddress address)
    {
        int first = (address.GetHashCode() & (Sets - 1)) * Ways;
        int slot = first;
        for (int i = first; i < first + Ways; i++)
        {
            if (_endPoints[i] is not { } known) slot = i;
            else if (_addresses[i].Equals(address)) return known;
        }
        if (_endPoints[slot] is not null) slot = first + (_victim++ & (Ways - 1));
        IPEndPoint found = address.ToEndPoint();
        _addresses[slot] = address;
        _endPoints[slot] = found;
        return found;
    }
}

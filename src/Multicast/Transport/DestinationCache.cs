using System.Net;
using System.Runtime.CompilerServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Turns endpoints into native addresses without allocating for those used before. The way back of <see cref="EndPointCache"/>; one thread.</summary>
internal sealed class DestinationCache
{
    private const int Sets = 64, Ways = 4;
    private readonly int _portOffset;
    private readonly IPEndPoint?[] _endPoints = new IPEndPoint?[Sets * Ways];
    private readonly NativeAddress[] _addresses = new NativeAddress[Sets * Ways];
    private int _victim;

    /// <param name="portOffset">Added to each endpoint's port: the way from a member's data socket to its heartbeat socket.</param>
    internal DestinationCache(int portOffset = 0) => _portOffset = portOffset;

    /// <summary>The native address of an endpoint, looked up by reference: the engine hands back the objects that it was given.</summary>
    internal ref NativeAddress Find(IPEndPoint endPoint)
    {
        int first = (RuntimeHelpers.GetHashCode(endPoint) & (Sets - 1)) * Ways;
        for (int i = first; i < first + Ways; i++)
            if (ReferenceEquals(_endPoints[i], endPoint)) return ref _addresses[i];
        int slot = first + (_victim++ & (Ways - 1));
        _addresses[slot] = new NativeAddress(_portOffset == 0 ? endPoint : Shift(endPoint, _portOffset));
        _endPoints[slot] = endPoint;
        return ref _addresses[slot];
    }

    /// <summary>Moves an endpoint's port.</summary>
    internal static IPEndPoint Shift(IPEndPoint endPoint, int offset) =>
        new(endPoint.Address, Math.Clamp(endPoint.Port + offset, IPEndPoint.MinPort, IPEndPoint.MaxPort));
}

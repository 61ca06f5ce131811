using System.Net;
using System.Runtime.CompilerServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Turns endpoints into native addresses without allocating for those used before. The way back of <see cref="EndPointCache"/>; one thread.</summary>
internal sealed class DestinationCache
{
    private const int Slots = 256;
    private readonly IPEndPoint?[] _endPoints = new IPEndPoint?[Slots];
    private readonly NativeAddress[] _addresses = new NativeAddress[Slots];

    /// <summary>The native address of an endpoint. By reference first: the engine hands back the objects that it was given.</summary>
    internal ref NativeAddress Find(IPEndPoint endPoint)
    {
        int slot = RuntimeHelpers.GetHashCode(endPoint) & (Slots - 1);
        if (!ReferenceEquals(_endPoints[slot], endPoint))
        {
            _addresses[slot] = new NativeAddress(endPoint);
            _endPoints[slot] = endPoint;
        }
        return ref _addresses[slot];
    }
}

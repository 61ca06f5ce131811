using System.Net;
using System.Runtime.CompilerServices;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>Turns endpoints into native addresses without allocating for those used before. The way back of <see cref="EndPointCache"/>; one thread.</summary>
internal sealed class DestinationCache
{
    private const int Slots = 256;
    private readonly int _portOffset;
    private readonly IPEndPoint?[] _endPoints = new IPEndPoint?[Slots];
    private readonly NativeAddress[] _addresses = new NativeAddress[Slots];

    /// <param name="portOffset">Added to each endpoint's port: the way from a member's data socket to its heartbeat socket.</param>
    internal DestinationCache(int portOffset = 0) => _portOffset = portOffset;

    /// <summary>The native address of an endpoint, looked up by reference: the engine hands back the objects that it was given.</summary>
    internal ref NativeAddress Find(IPEndPoint endPoint)
    {
        int slot = RuntimeHelpers.GetHashCode(endPoint) & (Slots - 1);
        if (!ReferenceEquals(_endPoints[slot], endPoint))
        {
            _addresses[slot] = new NativeAddress(_portOffset == 0 ? endPoint : Shift(endPoint, _portOffset));
            _endPoints[slot] = endPoint;
        }
        return ref _addresses[slot];
    }

    /// <summary>Moves an endpoint's port.</summary>
    internal static IPEndPoint Shift(IPEndPoint endPoint, int offset) =>
        new(endPoint.Address, Math.Clamp(endPoint.Port + offset, IPEndPoint.MinPort, IPEndPoint.MaxPort));
}

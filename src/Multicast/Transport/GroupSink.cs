using System.Net;
using Appliance.Multicast.Protocol;

namespace Appliance.Multicast.Transport;

/// <summary>The engine's way out: a struct around the sending half of the sockets, so that the engine's calls are direct.</summary>
internal readonly struct GroupSink(GroupSender sender) : IEngineSink
{
    public void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes) => sender.SendToGroup(datagrams, datagramBytes);

    public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram) => sender.SendTo(destination, datagram);
}

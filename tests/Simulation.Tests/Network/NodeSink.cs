using System.Net;
using Appliance.Multicast.Protocol;

namespace Appliance.Tests.Simulation.Network;

/// <summary>The engine's way to the virtual network.</summary>
internal readonly struct NodeSink : IEngineSink
{
    private readonly VirtualNetwork _network;
    private readonly int _node;
    private readonly GroupTransport _transport;

    internal NodeSink(VirtualNetwork network, int node, GroupTransport transport)
    {
        _network = network;
        _node = node;
        _transport = transport;
    }

    /// <inheritdoc/>
    public void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes)
    {
        if (_transport == GroupTransport.Multicast)
        {
            _network.SendToGroup(_node, datagrams, datagramBytes, SocketKind.Group);
            return;
        }
        for (int at = 0; at < datagrams.Length; at += datagramBytes)
            _network.SendToEach(_node, datagrams.Slice(at, Math.Min(datagramBytes, datagrams.Length - at)), SocketKind.Unicast);
    }

    /// <inheritdoc/>
    public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram) => _network.SendTo(_node, destination, datagram);
}

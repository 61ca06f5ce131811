using System.Net;

namespace Appliance.Multicast.Transport;

/// <summary>The peers of a unicast group without this node itself, so that every node may be given the same list.</summary>
internal static class UnicastPeers
{
    /// <summary>The data sockets of the peers.</summary>
    internal static IPEndPoint[] Of(GroupSettings settings, DatagramSockets sockets)
    {
        var own = (IPEndPoint)sockets.Unicast.LocalEndPoint!;
        var self = new IPEndPoint(own.Address, settings.EffectiveUnicastPort);
        return [.. settings.Peers.Where(peer => !peer.Equals(self))];
    }
}

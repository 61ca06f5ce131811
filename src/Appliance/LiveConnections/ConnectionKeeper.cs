using System.Net;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Multicast.Transport;

namespace Appliance.LiveConnections;

/// <summary>A relay listener's door to the <see cref="ConnectionMirror"/>, which lives on the node's loop. Loop thread of the relay.</summary>
internal sealed class ConnectionKeeper
{
    private readonly ConnectionMirror _mirror;
    private readonly ServiceConnections _service;
    private readonly EventLoop _loop;
    private readonly IReadOnlyList<IPAddress> _addresses;
    private readonly SocketAddressBytes? _source4, _source6;
    private readonly (int First, int Last) _ports;

    /// <param name="mirror">What keeps the connections.</param>
    /// <param name="service">The listener's service.</param>
    /// <param name="loop">The node's loop.</param>
    /// <param name="addresses">Floating addresses of the service: only what is accepted there can go on elsewhere.</param>
    /// <param name="source4">Floating address from which servers with IPv4 are reached; null: there are none.</param>
    /// <param name="source6">The same for IPv6.</param>
    /// <param name="ports">Ports for that, no other node's: what another node left behind at a server cannot be met.</param>
    internal ConnectionKeeper(ConnectionMirror mirror, ServiceConnections service, EventLoop loop, IReadOnlyList<IPAddress> addresses, IPAddress? source4, IPAddress? source6, (int First, int Last) ports)
    {
        _mirror = mirror;
        _service = service;
        _loop = loop;
        _addresses = addresses;
        _source4 = source4 is null ? null : new SocketAddressBytes(new IPEndPoint(source4, 0));
        _source6 = source6 is null ? null : new SocketAddressBytes(new IPEndPoint(source6, 0));
        _ports = ports;
    }

    /// <summary>Connections accepted at this address survive.</summary>
    internal bool Covers(in SocketAddressBytes local)
    {
        Span<byte> bytes = stackalloc byte[16];
        foreach (IPAddress address in _addresses)
        {
            if (address.TryWriteBytes(bytes, out int length) && local.AddressBytes.SequenceEqual(bytes[..length])) return true;
        }
        return false;
    }

    /// <summary>A connection was accepted. Nothing may be read from it before <see cref="RelayConnection.PostRecorded"/>.</summary>
    internal LiveConnection Accepted(RelayConnection relay, int descriptor)
    {
        var connection = new LiveConnection(_service) { Relay = relay };
        Sockets.CapBuffers(descriptor);
        int duplicate = Sockets.Duplicate(descriptor);
        _loop.Post(() => _mirror.OnAccepted(connection, duplicate));
        return connection;
    }

    /// <summary>Its server was connected to.</summary>
    internal void Connected(LiveConnection connection, int descriptor)
    {
        int duplicate = Sockets.Duplicate(descriptor);
        _loop.Post(() => _mirror.OnConnected(connection, duplicate));
    }

    /// <summary>A restored connection is relayed by this from now on.</summary>
    internal void Adopted(LiveConnection connection, RelayConnection relay) => _loop.Post(() => connection.Relay = relay);

    /// <summary>It is over.</summary>
    internal void Ended(LiveConnection connection, RelayConnection relay) => _loop.Post(() => _mirror.OnEnded(connection, relay));

    /// <summary>Gives a socket that is about to connect to a server the floating source address and one of this node's ports.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int Bind(int descriptor, in SocketAddressBytes server)
    {
        Sockets.CapBuffers(descriptor);
        SocketAddressBytes source = (server.Family == Sockets.Inet ? _source4 : _source6)!.Value; // the configuration was refused without
        return Sockets.BindSource(descriptor, source, _ports.First, _ports.Last);
    }
}

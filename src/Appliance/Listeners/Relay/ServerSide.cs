using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Tls;

namespace Appliance.Listeners.Relay;

/// <summary>The server's side of a relayed connection: chooses a server of the pool, connects to it, and tries others while it does not answer. Loop thread.</summary>
/// <param name="listener">Whose pool.</param>
/// <param name="handler">Of the sockets.</param>
internal sealed class ServerSide(RelayListener listener, IConnectionHandler handler)
{
    private List<PoolServer>? _tried;

    /// <summary>What bytes go through; null while there is no socket.</summary>
    internal IConnection? Connection { get; private set; }

    /// <summary>The socket under it.</summary>
    internal TcpConnection? Socket { get; private set; }

    /// <summary>The TLS on it; null without.</summary>
    internal TlsConnection? Tls { get; private set; }

    /// <summary>The server; null before one was chosen, and for a restored connection when the pool has it no longer.</summary>
    internal PoolServer? Server { get; private set; }

    /// <summary>Begins to connect to a server.</summary>
    /// <param name="client">Who the connection is for.</param>
    /// <param name="isLive">It is to go on when this node dies.</param>
    /// <returns>False when no server is left to try.</returns>
    internal bool TryConnect(in SocketAddressBytes client, bool isLive)
    {
        while (true)
        {
            BackendPool pool = listener.Pool;
            Server = pool.Acquire(client, _tried);
            if (Server is null)
            {
                pool.Refused++;
                return false;
            }
            int descriptor = BeginConnecting(Server.Address, isLive);
            if (descriptor >= 0)
            {
                Connection = Socket = new TcpConnection(listener.Loop, listener.Memory, descriptor, connecting: true, handler);
                return true;
            }
            if (!GiveUp()) return false;
        }
    }

    /// <summary>Lets go of a server that cannot be used.</summary>
    /// <returns>Whether another may be tried.</returns>
    internal bool GiveUp()
    {
        Connection?.Reset();
        Connection = Socket = null;
        Tls = null;
        Server!.ConnectFailures++;
        BackendPool.Release(Server);
        _tried ??= [];
        _tried.Add(Server);
        Server = null;
        bool more = _tried.Count <= listener.Pool.Options.Retries;
        if (more) listener.Counters.Retries++;
        return more;
    }

    /// <summary>Tells the server who the client is, if it wants to know.</summary>
    /// <returns>False when the connection has failed.</returns>
    internal bool WriteProxyHeader(in SocketAddressBytes client, in SocketAddressBytes destination)
    {
        SendProxy version = listener.Pool.Options.SendProxy;
        if (version == SendProxy.No) return true;
        Span<byte> header = stackalloc byte[ProxyHeader.MaxWrittenBytes];
        int length = version == SendProxy.V1 ? ProxyHeader.Write1(header, client, destination) : ProxyHeader.Write2(header, client, destination);
        return Connection!.Write(header[..length]);
    }

    /// <summary>Puts TLS on the connection, if the pool has it.</summary>
    /// <param name="protocol">What the client and this node have agreed on by ALPN; empty for nothing.</param>
    internal bool TryBeginTls(ReadOnlySpan<byte> protocol)
    {
        if (listener.Pool.Tls is not { } tls) return false;
        Connection = Tls = tls.Connect(Socket!, listener.Memory, listener.Output, protocol);
        return true;
    }

    /// <summary>Goes on with the handshake.</summary>
    /// <param name="protocol">What the client and this node have agreed on by ALPN; empty for nothing.</param>
    internal TlsProgress Handshake(ReadOnlySpan<byte> protocol)
    {
        TlsProgress progress = Connection!.Flush() ? Tls!.Handshake() : TlsProgress.Failed;
        // A server that chooses nothing speaks HTTP/1.1 (RFC 7301, 3.1): frames of HTTP/2 would be noise to it.
        bool isMisunderstood = progress == TlsProgress.Done && protocol.SequenceEqual("h2"u8) && !Tls!.Protocol.SequenceEqual("h2"u8);
        return isMisunderstood ? TlsProgress.Failed : progress;
    }

    /// <summary>Goes on with a connection of another node.</summary>
    /// <param name="descriptor">Its socket.</param>
    internal void Resume(int descriptor) => Connection = Socket = new TcpConnection(listener.Loop, listener.Memory, descriptor, connecting: false, handler);

    /// <summary>Counts a restored connection with its server, if the pool has that still.</summary>
    internal void Count(in SocketAddressBytes server)
    {
        Server = listener.Pool.Find(server.ToEndPoint().ToString());
        if (Server is not null) Server.Connections++;
    }

    private int BeginConnecting(in SocketAddressBytes server, bool isLive)
    {
        int descriptor = Sockets.Create(server.Family);
        if (descriptor < 0) return descriptor;
        _ = Sockets.PrepareConnection(descriptor); // options of a fresh socket are not refused
        int error = isLive ? listener.Keeper!.Bind(descriptor, server) : 0;
        if (error == 0) error = Sockets.Connect(descriptor, server);
        if (error is 0 or -Sockets.InProgress) return descriptor;
        Sockets.Close(descriptor);
        return error;
    }
}

using System.Net;
using System.Net.Sockets;
using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Tests.Relay;

/// <summary>A relay on loopback with its own loop thread, in front of servers that a test plays with sockets of its own.</summary>
internal sealed class RelayFixture : IDisposable
{
    private readonly EventLoop _loop;

    internal RelayFixture(Func<RelayOptions, RelayOptions>? options = null, Func<BackendOptions, BackendOptions>? backend = null, IPAddress? address = null, int servers = 1, TlsServer? tls = null, EventLoop? loop = null)
    {
        _loop = loop ?? new EventLoop();
        address ??= IPAddress.Loopback;
        Servers = [.. Enumerable.Range(0, servers).Select(_ => Listening(address))];
        BackendOptions pool = new() { Name = "pool", Servers = [.. Servers.Select(static server => new BackendServer((IPEndPoint)server.LocalEndPoint!, 1))] };
        Pool = new BackendPool(backend?.Invoke(pool) ?? pool, new BuzHash(new byte[BuzHash.SeedBytes]));
        RelayOptions settings = new() { Name = "relay" };
        Listener = new RelayListener(_loop, options?.Invoke(settings) ?? settings, Pool, logger: null, tls);
        EndPoint = Listener.Listen(new IPEndPoint(address, 0));
        _loop.Start("relay-test");
    }

    internal IReadOnlyList<Socket> Servers { get; }

    internal BackendPool Pool { get; }

    internal RelayListener Listener { get; }

    internal IPEndPoint EndPoint { get; }

    /// <summary>A socket that listens on a free port.</summary>
    internal static Socket Listening(IPAddress address, int backlog = 2048)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address, 0));
        socket.Listen(backlog);
        return socket;
    }

    /// <summary>Connects a client to the relay.</summary>
    internal Peer Connect()
    {
        var socket = new Socket(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(EndPoint);
        return new Peer(socket);
    }

    /// <summary>Accepts what the relay connects to a server.</summary>
    internal Peer Accept(int server = 0)
    {
        Assert.True(Servers[server].Poll(TimeSpan.FromSeconds(20), SelectMode.SelectRead), "the relay has not connected");
        return new Peer(Servers[server].Accept());
    }

    /// <summary>Runs an action on the loop, soon.</summary>
    internal void Post(Action action) => _loop.Post(action);

    internal T OnLoop<T>(Func<T> function) => _loop.Ask(function);

    internal void Await(Func<bool> condition, string what) => _loop.Await(condition, what);

    /// <summary>Waits until so many connections have ended for a reason.</summary>
    internal void AwaitEnded(RelayEnd reason, long count = 1) =>
        Await(() => Listener.Counters.Ended(reason) >= count, $"no connection has ended with {reason}");

    public void Dispose()
    {
        _loop.Do(Listener.Dispose);
        _loop.Dispose();
        foreach (Socket server in Servers) server.Dispose();
    }
}

/// <summary>One end of a TCP connection, played by a test, with deadlines.</summary>
internal sealed class Peer : IDisposable
{
    internal Peer(Socket socket)
    {
        Socket = socket;
        socket.NoDelay = true;
        socket.ReceiveTimeout = socket.SendTimeout = 20_000;
    }

    internal Socket Socket { get; }

    internal void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[Socket.Send(bytes)..];
    }

    internal void EndSending() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Closes with RST.</summary>
    internal void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    /// <summary>Receives exactly so many bytes.</summary>
    internal byte[] Receive(int count)
    {
        var bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int received = Socket.Receive(bytes.AsSpan(at));
            Assert.True(received > 0, $"the connection ended after {at} of {count} bytes");
            at += received;
        }
        return bytes;
    }

    internal void Expect(ReadOnlySpan<byte> bytes) => Assert.Equal(bytes.ToArray(), Receive(bytes.Length));

    /// <summary>Receives FIN, nothing before it.</summary>
    internal void ExpectEnd() => Assert.Equal(0, Socket.Receive(new byte[16]));

    /// <summary>Receives RST, nothing before it.</summary>
    internal void ExpectReset()
    {
        var error = Assert.Throws<SocketException>(() => Socket.Receive(new byte[16]));
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }

    public void Dispose() => Socket.Dispose();
}

using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Configuration;
using Appliance.Listeners.Resp;
using Appliance.Listeners.Resp.Connections;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Tests.Appliance.Resp.Connections;

/// <summary>A listener on loopback with its own loop thread, over a store that the test steers.</summary>
internal sealed class RespServerFixture : IDisposable
{
    private readonly StandaloneService _service;
    private readonly EventLoop _loop = new();
    private readonly RespListener _listener;

    internal RespServerFixture(RespOptions? options = null, Action<SteeredStore>? prepare = null, IPAddress? address = null)
    {
        _service = new StandaloneService("demo", new ClassPolicies([], 1), new BuzHash(new byte[BuzHash.SeedBytes]), new StoreLimits { MemoryBytes = 256 << 20 },
            () => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Store = new SteeredStore(_service.Store);
        prepare?.Invoke(Store);
        _listener = new RespListener(_loop, Store, options ?? new RespOptions());
        EndPoint = _listener.Listen(new IPEndPoint(address ?? IPAddress.Loopback, 0));
        _loop.Start("resp-test");
    }

    internal SteeredStore Store { get; }

    internal IPEndPoint EndPoint { get; }

    internal RespCounters Counters => _listener.Counters;

    internal long LentBytes => OnLoop(() => _listener.Pool.LentBytes);

    internal RespTestClient Connect() => new(EndPoint);

    internal void OnLoop(Action action) => _loop.Do(action);

    internal T OnLoop<T>(Func<T> function) => _loop.Ask(function);

    internal void Await(Func<bool> condition, string what) => _loop.Await(condition, what);

    public void Dispose()
    {
        OnLoop(_listener.Dispose);
        _loop.Dispose();
        _service.Dispose();
    }
}

/// <summary>A client that sends bytes and reads replies, with a deadline.</summary>
internal sealed class RespTestClient : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly StringBuilder _received = new();

    internal RespTestClient(IPEndPoint endPoint)
    {
        _socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        _socket.Connect(endPoint);
    }

    internal Socket Socket => _socket;

    internal void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    internal void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>Receives exactly this.</summary>
    internal void Expect(string expected)
    {
        while (_received.Length < expected.Length && Receive()) { }
        string actual = _received.ToString();
        Assert.True(actual.StartsWith(expected, StringComparison.Ordinal), $"expected {Show(expected)}\nreceived {Show(actual)}");
        _received.Remove(0, expected.Length);
    }

    /// <summary>Receives the end of the connection.</summary>
    internal void ExpectEnd()
    {
        while (Receive()) { }
        Assert.Equal("", _received.ToString());
    }

    internal string Ask(string line)
    {
        Send(line + "\r\n");
        while (!_received.ToString().Contains("\r\n", StringComparison.Ordinal)) Assert.True(Receive(), "the server closed");
        string reply = _received.ToString();
        int end = reply.IndexOf("\r\n", StringComparison.Ordinal) + 2;
        _received.Remove(0, end);
        return reply[..end];
    }

    /// <summary>Nothing was received so far: looked at after the server answered somebody else.</summary>
    internal void ExpectNothingYet()
    {
        Assert.Equal(0, _received.Length);
        Assert.Equal(0, _socket.Available);
    }

    public void Dispose() => _socket.Dispose();

    private bool Receive()
    {
        int length = _socket.Receive(_buffer);
        _received.Append(Encoding.Latin1.GetString(_buffer, 0, length));
        return length > 0;
    }

    private static string Show(string text) => text.Length <= 400 ? text.ReplaceLineEndings("|") : $"{text[..400].ReplaceLineEndings("|")}... ({text.Length})";
}

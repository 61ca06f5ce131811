using System.Net;
using Appliance.Backends;
using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Tls;
using Appliance.LiveConnections;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Listeners.Relay;

/// <summary>
/// Relays TCP connections to the servers of a pool, each direction by itself. Every connection ends with one line of the
/// log; those refused for a limit are counted and told of once a second, for a flood must not become a flood of lines.
/// </summary>
/// <remarks>Loop thread only, or any thread before the loop runs.</remarks>
internal sealed class RelayListener : IAcceptHandler, IRoundHandler, IDisposable
{
    private static readonly Timestamp AtOnce = new(0);
    private static readonly TimeSpan RefusalLogInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AcknowledgedInterval = TimeSpan.FromMilliseconds(10);
    private readonly ILogger _logger;
    private readonly List<TcpAcceptor> _acceptors = [];
    private readonly List<RelayConnection> _connections = [];
    private readonly SourceCounts _sources = new();
    private TlsOutput? _output;
    private List<RelayConnection> _scheduled = [];
    private List<RelayConnection> _running = [];
    private Timestamp _refusalsLoggedAt = AtOnce;
    private Timestamp _acknowledgedAt = AtOnce;
    private long _refusals;

    /// <param name="loop">Drives everything.</param>
    /// <param name="options">Valid.</param>
    /// <param name="pool">Where connections go; its loop is the same.</param>
    /// <param name="logger">One line per connection.</param>
    /// <param name="tls">Terminates TLS first; belongs to the listener from now on. Null: bytes pass as they are.</param>
    public RelayListener(EventLoop loop, RelayOptions options, BackendPool pool, ILogger? logger = null, TlsServer? tls = null)
    {
        Tls = tls;
        Loop = loop;
        Options = options;
        Pool = pool;
        _logger = logger ?? NullLogger.Instance;
        Memory = tls is null && pool.Tls is null ? new ConnectionMemory(options.MemoryBytes, options.MaxClients) : new ConnectionMemory(options.MemoryBytes, 2 * options.MaxClients, TlsOutput.ClearBytes);
        Deadlines = new DeadlineWheel(loop.Now);
        loop.Add(this);
    }

    /// <summary>In force for what happens from now on; the limits of memory and connections are those of the start.</summary>
    public RelayOptions Options { get; private set; }

    /// <summary>Where connections go from now on.</summary>
    public BackendPool Pool { get; private set; }

    /// <summary>What terminates TLS; null when nothing does.</summary>
    public TlsServer? Tls { get; }

    /// <summary>Lets connections outlive this node; null when they do not. Set before it listens.</summary>
    public ConnectionKeeper? Keeper { get; set; }

    /// <summary>What was counted so far.</summary>
    public RelayCounters Counters { get; } = new();

    /// <summary>Where it listens.</summary>
    public IEnumerable<IPEndPoint> EndPoints => _acceptors.Select(static acceptor => acceptor.EndPoint);

    /// <summary>Open connections.</summary>
    public IReadOnlyList<RelayConnection> Connections => _connections;

    /// <inheritdoc/>
    public Timestamp NextDeadline => _scheduled.Count > 0 ? AtOnce : Keeper is null || _connections.Count == 0 ? Deadlines.NextDeadline : Timestamp.Min(Deadlines.NextDeadline, _acknowledgedAt);

    internal EventLoop Loop { get; }

    internal ConnectionMemory Memory { get; }

    internal DeadlineWheel Deadlines { get; }

    /// <summary>Where connections with TLS put what they are about to send.</summary>
    internal TlsOutput Output => Tls?.Output ?? (_output ??= new TlsOutput());

    /// <summary>Listens on an address, which need not exist yet.</summary>
    /// <returns>The address, with the port chosen by the kernel if 0 was given.</returns>
    /// <exception cref="ArgumentException">The address is a wildcard.</exception>
    /// <exception cref="IOException">The kernel refused.</exception>
    public IPEndPoint Listen(IPEndPoint endPoint)
    {
        TcpAcceptor acceptor = TcpAcceptor.Start(Loop, endPoint, Options.Backlog, this);
        _acceptors.Add(acceptor);
        RelayLog.Listening(_logger, Options.Name, acceptor.EndPoint.ToString(), Pool.Name);
        return acceptor.EndPoint;
    }

    /// <summary>Puts changed options and another pool in force.</summary>
    public void Use(RelayOptions options, BackendPool pool)
    {
        Options = options with { MaxClients = Options.MaxClients, MemoryBytes = Options.MemoryBytes };
        Pool = pool;
    }

    /// <inheritdoc/>
    public void OnAccepted(int descriptor, in SocketAddressBytes peer)
    {
        Counters.Accepted++;
        bool trusted = IsTrusted(peer);
        if (_connections.Count >= Options.MaxClients || !trusted)
        {
            Sockets.Reset(descriptor);
            Refuse(trusted ? RelayEnd.TooManyClients : RelayEnd.ProxyUntrusted, peer);
            return;
        }
        Sockets.GetName(descriptor, out SocketAddressBytes local);
        RelayConnection connection = new(this, descriptor, peer) { Index = _connections.Count };
        _connections.Add(connection);
        Counters.Connections = _connections.Count;
        connection.Start(local, awaitsProxyHeader: Options.TrustProxy.Count > 0);
    }

    /// <inheritdoc/>
    public void OnAcceptFailed(int error)
    {
        Counters.AcceptFailures++;
        RelayLog.AcceptFailed(_logger, Options.Name, error);
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        Deadlines.Advance(now);
        if (Keeper is not null && now >= _acknowledgedAt) NoteAcknowledged(now);
        if (_scheduled.Count == 0) return;
        // What is scheduled meanwhile runs in the next round: the other descriptors come first.
        (_scheduled, _running) = (_running, _scheduled);
        foreach (RelayConnection connection in _running)
        {
            connection.IsScheduled = false;
            connection.Continue();
        }
        _running.Clear();
    }

    /// <summary>Goes on with connections that were restored on this node.</summary>
    public void Adopt(RestoredConnection restored)
    {
        RelayConnection connection = new(this, restored) { Index = _connections.Count };
        _connections.Add(connection);
        Counters.Connections = _connections.Count;
        Counters.Adopted++;
        connection.Resume(restored);
    }

    /// <summary>Ends the connections that were accepted at these addresses: another node answers there now.</summary>
    public void EndAt(IReadOnlyList<IPAddress> addresses)
    {
        for (int i = _connections.Count - 1; i >= 0; i--)
        {
            RelayConnection connection = _connections[i];
            if (addresses.Any(connection.IsAt)) connection.End(RelayEnd.ServiceLost); // the last one takes its place, which was looked at
        }
    }

    /// <summary>Ends all connections and stops listening. When the loop has stopped, or from a posted action.</summary>
    public void Dispose()
    {
        foreach (TcpAcceptor acceptor in _acceptors) acceptor.Dispose();
        _acceptors.Clear();
        while (_connections.Count > 0) _connections[^1].End(RelayEnd.ListenerStopped);
        Loop.Remove(this);
        Memory.Dispose();
        Tls?.Dispose();
        _output?.Dispose();
    }

    /// <summary>Counts a connection for its client; false when there are too many.</summary>
    internal bool TryCount(in SocketAddressBytes client) => _sources.TryAdd(client, Options.MaxPerSource);

    /// <summary>Lets a connection go on at the end of a round.</summary>
    internal void Schedule(RelayConnection connection)
    {
        if (connection.IsScheduled) return;
        connection.IsScheduled = true;
        _scheduled.Add(connection);
    }

    internal void OnEnded(RelayConnection connection, RelayEnd reason, in SocketAddressBytes client, TimeSpan duration, bool isCounted)
    {
        Deadlines.Remove(connection);
        if (isCounted) _sources.Remove(client);
        RelayConnection last = _connections[^1];
        _connections[connection.Index] = last;
        last.Index = connection.Index;
        _connections.RemoveAt(_connections.Count - 1);
        Counters.Connections = _connections.Count;
        Counters.BytesFromClients += connection.BytesFromClient;
        Counters.BytesToClients += connection.BytesToClient;
        if (reason is RelayEnd.TooManyOfSource or RelayEnd.ProxyHeaderBad or RelayEnd.ProxyTimeout or RelayEnd.HandshakeFailed or RelayEnd.HandshakeTimeout or RelayEnd.TooManyHandshakes or RelayEnd.RequestRefused or RelayEnd.RequestTimeout)
        {
            Refuse(reason, client, connection.Tls);
            return;
        }
        Counters.Count(reason);
        if (!_logger.IsEnabled(LogLevel.Information)) return;
        string server = connection.Server is null ? Pool.Name : $"{Pool.Name}/{connection.Server.Name}";
        RelayLog.Ended(_logger, Options.Name, client.ToEndPoint().ToString(), server, duration.TotalSeconds, connection.BytesFromClient, connection.BytesToClient, RelayLog.Describe(reason));
    }

    private void NoteAcknowledged(Timestamp now)
    {
        _acknowledgedAt = now + AcknowledgedInterval;
        for (int i = _connections.Count - 1; i >= 0; i--) _connections[i].NoteAcknowledged(); // one that ends meanwhile gives its place to the last, which was looked at
    }

    private void Refuse(RelayEnd reason, in SocketAddressBytes client, TlsConnection? tls = null)
    {
        Counters.Count(reason);
        _refusals++;
        if (Loop.Now - _refusalsLoggedAt < RefusalLogInterval) return;
        if (_logger.IsEnabled(LogLevel.Warning)) RelayLog.Refused(_logger, Options.Name, _refusals, client.ToEndPoint().ToString(), reason == RelayEnd.HandshakeFailed ? $"{RelayLog.Describe(reason)}: {tls!.DescribeError()}" : RelayLog.Describe(reason));
        _refusalsLoggedAt = Loop.Now;
        _refusals = 0;
    }

    private bool IsTrusted(in SocketAddressBytes peer)
    {
        if (Options.TrustProxy.Count == 0) return true;
        IPAddress address = new(peer.AddressBytes);
        foreach (IPNetwork network in Options.TrustProxy)
        {
            if (network.Contains(address)) return true;
        }
        return false;
    }
}

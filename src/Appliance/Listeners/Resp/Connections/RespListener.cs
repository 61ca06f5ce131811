using System.Net;
using System.Runtime.InteropServices;
using Appliance.Interop;
using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Listeners.Resp.Connections;

/// <summary>
/// Serves one service's keys to Redis clients on a node's event loop. Commands are executed where they are received;
/// replies that depend on writes not yet acknowledged wait for them.
/// </summary>
/// <remarks>
/// Loop thread only, or any thread before the loop runs. Add it to the loop after the group, so that what a round published is under way
/// before replies are looked at.
/// </remarks>
internal sealed unsafe class RespListener : IAcceptHandler, IRoundHandler, IStoreObserver, IRespServer, IDisposable
{
    /// <summary>The encoded reply that tells an unknown outcome.</summary>
    internal static readonly byte[] OutcomeUnknown = [(byte)'-', .. RespErrors.OutcomeUnknown, (byte)'\r', (byte)'\n'];

    private static readonly Timestamp AtOnce = new(0);
    private static readonly TimeSpan IdleCheckInterval = TimeSpan.FromSeconds(1);
    private readonly ILogger _logger;
    private readonly RespParserLimits _limits;
    private readonly RespParserLimits _limitsBeforeAuthentication;
    private readonly RespArgument[] _arguments;
    private readonly byte[] _scratch;
    private readonly List<TcpAcceptor> _acceptors = [];
    private readonly List<RespConnection> _connections = [];
    private readonly List<RespConnection> _gated = [];
    private readonly List<RespConnection> _busy = [];
    private readonly List<RespConnection> _waiting = [];
    private List<RespConnection> _scheduled = [];
    private List<RespConnection> _running = [];
    private Timestamp _nextGateDeadline = Timestamp.Never;
    private Timestamp _nextBusyDeadline = Timestamp.Never;
    private Timestamp _nextIdleCheck;
    private bool _resolved;
    private bool _writable;
    private bool _roleChanged;
    private long _lastClientId;

    /// <param name="loop">The node's loop.</param>
    /// <param name="store">The service's keys.</param>
    /// <param name="options">Limits, valid.</param>
    /// <param name="logger">One line per connection.</param>
    public RespListener(EventLoop loop, IServiceStore store, RespOptions options, ILogger? logger = null)
    {
        Loop = loop;
        Store = store;
        Options = options;
        _logger = logger ?? NullLogger.Instance;
        _limits = options.ParserLimits;
        _limitsBeforeAuthentication = _limits.BeforeAuthentication;
        _arguments = new RespArgument[options.MaxArguments];
        _scratch = new byte[options.MaxInlineBytes];
        SharedInputBytes = options.ReadBytesPerRound;
        SharedInput = (byte*)NativeMemory.Alloc((nuint)SharedInputBytes);
        Pool = new NativeBufferPool(options.MaxBufferBytes, options.MaxBufferBytes / 16);
        Executor = new RespExecutor(store, options, Counters, Pool, this);
        StartedAt = loop.Now;
        _nextIdleCheck = options.IdleTimeout > TimeSpan.Zero ? loop.Now : Timestamp.Never;
        store.Subscribe(this);
        loop.Add(this);
    }

    /// <summary>What was counted so far.</summary>
    public RespCounters Counters { get; } = new();

    /// <inheritdoc/>
    public Timestamp StartedAt { get; }

    /// <inheritdoc/>
    public int Port => _acceptors.Count == 0 ? 0 : _acceptors[0].EndPoint.Port;

    /// <inheritdoc/>
    public IEnumerable<RespClient> Clients => _connections.Select(connection => connection.Client);

    /// <summary>Memory of all connections.</summary>
    internal NativeBufferPool Pool { get; }

    internal EventLoop Loop { get; }

    internal IServiceStore Store { get; }

    internal RespOptions Options { get; }

    internal RespExecutor Executor { get; }

    /// <summary>Where connections receive to.</summary>
    internal byte* SharedInput { get; }

    /// <summary>Bytes at <see cref="SharedInput"/>.</summary>
    internal int SharedInputBytes { get; }

    /// <inheritdoc/>
    public Timestamp NextDeadline
    {
        get
        {
            if (_scheduled.Count > 0 || _resolved || _writable || _roleChanged) return AtOnce;
            Timestamp next = Timestamp.Min(Timestamp.Min(_nextGateDeadline, _nextBusyDeadline), _nextIdleCheck);
            foreach (RespConnection connection in _waiting) next = Timestamp.Min(next, connection.Client.Wait?.Deadline ?? AtOnce);
            return next;
        }
    }

    /// <summary>Listens on an address, which need not exist yet.</summary>
    /// <returns>The address, with the port chosen by the kernel if 0 was given.</returns>
    /// <exception cref="ArgumentException">The address is a wildcard.</exception>
    /// <exception cref="IOException">The kernel refused.</exception>
    public IPEndPoint Listen(IPEndPoint endPoint)
    {
        TcpAcceptor acceptor = TcpAcceptor.Start(Loop, endPoint, Options.Backlog, this);
        _acceptors.Add(acceptor);
        RespLog.Listening(_logger, Store.Name, acceptor.EndPoint.ToString());
        return acceptor.EndPoint;
    }

    /// <inheritdoc/>
    public void OnAccepted(int descriptor, in SocketAddressBytes peer)
    {
        if (_connections.Count >= Options.MaxClients)
        {
            Counters.ConnectionsRefused++;
            ReadOnlySpan<byte> text = "-ERR max number of clients reached\r\n"u8;
            fixed (byte* bytes = text) _ = Sockets.Send(descriptor, bytes, text.Length); // a courtesy: the connection ends either way
            Sockets.Close(descriptor);
            return;
        }
        Sockets.GetName(descriptor, out SocketAddressBytes local);
        RespClient client = new(++_lastClientId, Options.PasswordDigest is null)
        {
            RemoteAddress = peer.ToEndPoint().ToString(),
            LocalAddress = local.ToEndPoint().ToString(),
            ConnectedAt = Loop.Now,
            ActiveAt = Loop.Now,
        };
        RespConnection connection = new(this, descriptor, client) { Index = _connections.Count };
        _connections.Add(connection);
        Counters.ConnectionsAccepted++;
        Counters.ConnectedClients = _connections.Count;
        Loop.Register(descriptor, Readiness.Read, connection);
    }

    /// <inheritdoc/>
    public void OnAcceptFailed(int error)
    {
        Counters.AcceptFailures++;
        RespLog.AcceptFailed(_logger, Store.Name, error);
    }

    /// <inheritdoc/>
    public void OnResolved() => _resolved = true;

    /// <inheritdoc/>
    public void OnWritable() => _writable = true;

    /// <inheritdoc/>
    public void OnRoleChanged()
    {
        _roleChanged = true;
        if (Store.IsPrimary) return;
        if (_gated.Count > 0) ReleaseReplies(Timestamp.Never); // at once: what a later term resolves is not what these replies wait for
        EndWaits(Loop.Now);
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (_gated.Count > 0 && (_resolved || now >= _nextGateDeadline)) ReleaseReplies(now);
        _resolved = false;
        if (_busy.Count > 0 && (_writable || _roleChanged || now >= _nextBusyDeadline)) EndBusy(now, _writable || _roleChanged);
        _writable = false;
        _roleChanged = false;
        EndWaits(now);
        if (_scheduled.Count > 0) RunScheduled();
        if (now >= _nextIdleCheck) CloseIdle(now);
    }

    /// <summary>Closes all connections and stops listening. When the loop has stopped, or from a posted action.</summary>
    public void Dispose()
    {
        foreach (TcpAcceptor acceptor in _acceptors) acceptor.Dispose();
        _acceptors.Clear();
        while (_connections.Count > 0) _connections[^1].Close("the listener stopped");
        Loop.Remove(this);
        Executor.Dispose();
        Pool.Dispose();
        NativeMemory.Free(SharedInput);
    }

    /// <summary>Clears the shared output for a connection's replies.</summary>
    internal RespWriter BeginOutput(RespClient client)
    {
        RespWriter output = Executor.Output;
        output.Clear();
        output.Protocol = client.Protocol;
        output.BeginReply();
        return output;
    }

    internal RespParseStatus Parse(RespClient client, ReadOnlySpan<byte> input, ref RespProgress progress, out RespFrame frame) =>
        RespParser.TryParse(input, client.IsAuthenticated ? _limits : _limitsBeforeAuthentication, ref progress, _arguments, _scratch, out frame);

    /// <summary>Arguments of a command that <see cref="Parse"/> has found.</summary>
    internal RespArguments ArgumentsOf(ReadOnlySpan<byte> input, RespFrame frame) =>
        new(frame.IsInline ? _scratch : input, _arguments.AsSpan(0, frame.ArgumentCount));

    /// <summary>Lets a connection go on at the end of a round.</summary>
    internal void Schedule(RespConnection connection)
    {
        if (connection.IsScheduled) return;
        connection.IsScheduled = true;
        _scheduled.Add(connection);
    }

    internal void AddGated(RespConnection connection)
    {
        Counters.GatedReplies++;
        if (connection.IsGated) return;
        connection.IsGated = true;
        _gated.Add(connection);
        _nextGateDeadline = Timestamp.Min(_nextGateDeadline, connection.NextGateDeadline);
    }

    internal void AddBusy(RespConnection connection)
    {
        Counters.BusyPauses++;
        _busy.Add(connection);
        _nextBusyDeadline = Timestamp.Min(_nextBusyDeadline, connection.BusyUntil);
    }

    internal void AddWaiting(RespConnection connection)
    {
        if (connection.IsWaiting) return;
        connection.IsWaiting = true;
        _waiting.Add(connection);
    }

    internal void OnClosed(RespConnection connection, string reason)
    {
        RespConnection last = _connections[^1];
        _connections[connection.Index] = last;
        last.Index = connection.Index;
        _connections.RemoveAt(_connections.Count - 1);
        Counters.ConnectedClients = _connections.Count;
        if (!_logger.IsEnabled(LogLevel.Information)) return;
        RespClient client = connection.Client;
        RespLog.Ended(_logger, Store.Name, client.RemoteAddress, (Loop.Now - client.ConnectedAt).TotalSeconds, client.Commands,
            connection.BytesReceived, connection.BytesSent, reason);
    }

    private void ReleaseReplies(Timestamp now)
    {
        _nextGateDeadline = Timestamp.Never;
        int kept = 0;
        for (int i = 0; i < _gated.Count; i++)
        {
            RespConnection connection = _gated[i];
            connection.ReleaseReplies(now);
            if (connection.IsClosed || !connection.HasGates)
            {
                connection.IsGated = false;
                continue;
            }
            _nextGateDeadline = Timestamp.Min(_nextGateDeadline, connection.NextGateDeadline);
            _gated[kept++] = connection;
        }
        _gated.RemoveRange(kept, _gated.Count - kept);
    }

    private void EndWaits(Timestamp now)
    {
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            RespConnection connection = _waiting[i];
            if (!connection.TryEndWait(now)) continue;
            connection.IsWaiting = false;
            _waiting.RemoveAt(i);
        }
    }

    private void EndBusy(Timestamp now, bool all)
    {
        _nextBusyDeadline = Timestamp.Never;
        int kept = 0;
        for (int i = 0; i < _busy.Count; i++)
        {
            RespConnection connection = _busy[i];
            if (connection.IsClosed) continue;
            if (all || now >= connection.BusyUntil)
            {
                connection.EndBusy(refuse: !all);
                Schedule(connection);
                continue;
            }
            _nextBusyDeadline = Timestamp.Min(_nextBusyDeadline, connection.BusyUntil);
            _busy[kept++] = connection;
        }
        _busy.RemoveRange(kept, _busy.Count - kept);
    }

    // What is scheduled meanwhile runs in the next round: the other descriptors come first.
    private void RunScheduled()
    {
        (_scheduled, _running) = (_running, _scheduled);
        foreach (RespConnection connection in _running)
        {
            connection.IsScheduled = false;
            connection.Continue();
        }
        _running.Clear();
    }

    private void CloseIdle(Timestamp now)
    {
        _nextIdleCheck = now + IdleCheckInterval;
        for (int i = _connections.Count - 1; i >= 0; i--)
        {
            RespConnection connection = _connections[i];
            if (now - connection.Client.ActiveAt < Options.IdleTimeout || !connection.IsQuiet) continue;
            Counters.IdleClosed++;
            connection.Close("idle");
        }
    }
}

using System.Net;
using Appliance.Backends;
using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Http;
using Appliance.Listeners.Tls;
using Appliance.LiveConnections;
using Appliance.Multicast;

namespace Appliance.Listeners.Relay;

/// <summary>
/// A client's connection and the server's that it is relayed to. What one side says and how it says it reaches the other: bytes, the end of a direction
/// (FIN, the other direction goes on), and RST. Loop thread.
/// </summary>
internal sealed unsafe partial class RelayConnection : Timed, IConnectionHandler
{
    // Bytes moved in one direction before other connections have their turn.
    private const int TurnBytes = 1 << 20;

    private readonly RelayListener _listener;
    private readonly TcpConnection _frontSocket;
    private IConnection _front;
    private readonly TlsConnection? _tls; // the front, when it is one
    private HttpFront? _http;            // the front, when requests are looked at
    private readonly Timestamp _startedAt;
    private readonly ServerSide _back;
    private SocketAddressBytes _client;      // who the connection is for: the peer, or whom a PROXY header names
    private SocketAddressBytes _destination; // where the client connected to: here, or what a PROXY header names
    private SocketAddressBytes _local;       // where it was accepted
    private Timestamp _activeAt;
    private Timestamp _deadline = Timestamp.Never;
    private Timestamp _headDeadline = Timestamp.Never;
    private long _awaitedHead; // that the deadline is for: HttpFront.AwaitedHead
    private Stage _stage;
    private bool _isCounted; // in the listener's SourceCounts
    private RelayEnd _firstEnd = RelayEnd.ClientClosed;

    public RelayConnection(RelayListener listener, int descriptor, in SocketAddressBytes peer)
    {
        _listener = listener;
        _client = peer;
        _startedAt = _activeAt = listener.Loop.Now;
        _frontSocket = new TcpConnection(listener.Loop, listener.Memory, descriptor, connecting: false, this);
        _tls = listener.Tls?.Accept(_frontSocket, listener.Memory);
        _front = (IConnection?)_tls ?? _frontSocket;
        _back = new ServerSide(listener, this);
    }

    private enum Stage
    {
        ProxyHeader,
        Handshake,
        Connecting,
        ServerHandshake,
        Recording,
        Relaying,
        Draining,
        Ended,
    }

    /// <summary>Place in the listener's list.</summary>
    public int Index { get; set; }

    /// <summary>In the listener's list of the same name.</summary>
    public bool IsScheduled { get; set; }

    /// <summary>The server that it is relayed to; null before one was chosen.</summary>
    public PoolServer? Server => _back.Server;

    /// <summary>Bytes from the client to the server so far.</summary>
    public long BytesFromClient => _front.BytesReceived;

    /// <summary>Bytes to the client so far.</summary>
    public long BytesToClient => _front.BytesSent;

    /// <summary>The client's TLS; null without.</summary>
    public TlsConnection? Tls => _tls;

    // Agreed on with the client by ALPN; empty for nothing.
    private ReadOnlySpan<byte> Protocol => _tls is null ? [] : _tls.Protocol;

    internal override Timestamp Deadline => _stage == Stage.Relaying ? QuietDeadline() : _deadline;

    /// <summary>It was accepted at this address.</summary>
    public bool IsAt(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return address.TryWriteBytes(bytes, out int length) && _local.AddressBytes.SequenceEqual(bytes[..length]);
    }

    /// <summary>Begins, after construction.</summary>
    public void Start(in SocketAddressBytes local, bool awaitsProxyHeader)
    {
        _destination = _local = local;
        if (!awaitsProxyHeader)
        {
            Admit();
            return;
        }
        _stage = Stage.ProxyHeader;
        SetDeadline(_listener.Options.ProxyTimeout);
    }

    /// <inheritdoc/>
    public void OnReady(TcpConnection connection)
    {
        switch (_stage)
        {
            case Stage.ProxyHeader:
                ReadProxyHeader();
                break;
            case Stage.Handshake:
                Handshake();
                break;
            case Stage.Connecting when connection == _back.Socket:
                FinishConnecting();
                break;
            case Stage.ServerHandshake when connection == _back.Socket:
                HandshakeWithServer();
                break;
            case Stage.Recording when connection == _back.Socket && connection.HasFailed:
                End(RelayEnd.ServerReset);
                break;
            case Stage.Connecting or Stage.ServerHandshake or Stage.Recording:
                if (_front.HasFailed) End(RelayEnd.ClientReset);
                break;
            case Stage.Relaying:
                Pump();
                break;
            case Stage.Draining when connection.HasFailed:
                End(_firstEnd);
                break;
            default:
                break;
        }
    }

    /// <summary>Goes on where the last turn stopped.</summary>
    public void Continue()
    {
        if (_stage == Stage.Relaying) Pump();
    }

    internal override void OnDeadline(Timestamp now)
    {
        if (_stage == Stage.ProxyHeader) End(RelayEnd.ProxyTimeout);
        else if (_stage == Stage.Handshake) End(RelayEnd.HandshakeTimeout);
        else if (_stage is Stage.Connecting or Stage.ServerHandshake) TryAnother();
        else if (_stage == Stage.Recording) End(RelayEnd.NotMirrored);
        else if (_stage == Stage.Draining) End(_firstEnd);
        else if (_headDeadline <= now) RefuseLateHead();
        else End(_front.InputEnded || _back.Connection?.InputEnded == true ? RelayEnd.HalfClosedTimeout : RelayEnd.IdleTimeout);
    }

    /// <summary>Ends the connection; with RST unless both sides have ended in order, or the client must get an alert.</summary>
    public void End(RelayEnd reason)
    {
        if (_stage == Stage.Ended) return;
        if (_stage == Stage.Handshake) _listener.Tls!.End(_client);
        _stage = Stage.Ended;
        if (_live is not null) _listener.Keeper!.Ended(_live, this);
        if (reason == RelayEnd.ServiceLost && Survives) Abandon();
        bool inOrder = reason is RelayEnd.ClientClosed or RelayEnd.ServerClosed;
        Finish(_front, inOrder || reason is RelayEnd.HandshakeFailed or RelayEnd.RequestRefused or RelayEnd.RequestTimeout);
        if (_back.Connection is { } back) Finish(back, inOrder);
        if (_back.Server is { } server) BackendPool.Release(server);
        _listener.OnEnded(this, reason, _client, _listener.Loop.Now - _startedAt, _isCounted);
    }

    private static void Finish(IConnection connection, bool inOrder)
    {
        if (inOrder) connection.Close();
        else connection.Reset();
    }

    private void ReadProxyHeader()
    {
        int peeked = _frontSocket.Peek(ProxyHeader.MaxBytes);
        if (peeked == -Sockets.TryAgain) return;
        if (peeked < 0)
        {
            End(RelayEnd.ClientReset);
            return;
        }
        ProxyHeaderResult result = ProxyHeader.TryParse(new ReadOnlySpan<byte>(_listener.Memory.Input, peeked), out ProxyHeader header);
        if (result == ProxyHeaderResult.Incomplete && peeked > 0 && !_frontSocket.PeerHasEnded) return;
        if (result != ProxyHeaderResult.Complete)
        {
            End(RelayEnd.ProxyHeaderBad);
            return;
        }
        _frontSocket.Skip(header.Bytes);
        if (header.HasAddresses)
        {
            _client = header.Source;
            _destination = header.Destination;
        }
        Admit();
    }

    private void Admit()
    {
        _isCounted = _listener.TryCount(_client);
        if (!_isCounted) End(RelayEnd.TooManyOfSource);
        else if (_tls is null) Connect();
        else if (!_listener.Tls!.TryBegin(_client)) End(RelayEnd.TooManyHandshakes);
        else BeginHandshake();
    }

    private void BeginHandshake()
    {
        _stage = Stage.Handshake;
        SetDeadline(_listener.Tls!.Contexts.Settings.HandshakeTimeout);
        if (_frontSocket.IsReadable) Handshake();
    }

    private void Handshake()
    {
        if (!_front.Flush())
        {
            End(RelayEnd.ClientReset);
            return;
        }
        TlsProgress progress = _tls!.Handshake();
        if (progress == TlsProgress.Waiting) return;
        if (progress == TlsProgress.Failed)
        {
            End(RelayEnd.HandshakeFailed);
            return;
        }
        _listener.Tls!.Counters.Count(_tls.IsTls13, _tls.IsResumed);
        _listener.Tls.End(_client);
        _stage = Stage.Connecting;
        if (!_listener.Tls.Admits(_tls)) End(RelayEnd.IdentityRevoked);
        else
        {
            if (_listener.Tls.Contexts.Settings.Http.IsNeeded) _front = _http = _listener.Tls.OpenHttp(_tls, _listener.Memory, _client, () => _listener.Schedule(this));
            Connect();
        }
    }

    private void Connect()
    {
        if (_live is null && _listener.Keeper is { } keeper && keeper.Covers(_local)) _live = keeper.Accepted(this, _frontSocket.Descriptor);
        _stage = Stage.Connecting;
        if (_back.TryConnect(_client, isLive: _live is not null)) SetDeadline(_listener.Pool.Options.ConnectTimeout);
        else End(RelayEnd.NoServer);
    }

    private void FinishConnecting()
    {
        if (!_back.Socket!.IsWritable) return;
        if (_back.Socket.FinishConnecting() != 0)
        {
            TryAnother();
            return;
        }
        if (!_back.WriteProxyHeader(_client, _destination)) End(RelayEnd.ServerReset);
        else if (_live is not null) AwaitRecord(_live);
        else if (!_back.TryBeginTls(Protocol)) BeginRelaying();
        else
        {
            _stage = Stage.ServerHandshake; // within connect-timeout still
            HandshakeWithServer();
        }
    }

    private void HandshakeWithServer()
    {
        TlsProgress progress = _back.Handshake(Protocol);
        if (progress == TlsProgress.Done) BeginRelaying();
        else if (progress == TlsProgress.Failed) TryAnother();
    }

    private void BeginRelaying()
    {
        if (_back.Server is { } server) server.Connected++;
        _stage = Stage.Relaying;
        _activeAt = _listener.Loop.Now;
        _listener.Deadlines.Add(this);
        Pump();
    }

    private void TryAnother()
    {
        if (_back.GiveUp()) Connect();
        else End(RelayEnd.NoServer);
    }

    // Moves what can be moved in both directions.
    private void Pump()
    {
        IConnection back = _back.Connection!;
        if (!Pump(_front, back, RelayEnd.ClientClosed)) return;
        if (_http is not null && _http.AwaitedHead != _awaitedHead) NoteHead();
        if (!Pump(back, _front, RelayEnd.ServerClosed)) return;
        if (_front.OutputEnded && back.OutputEnded) EndInOrder();
        else if (_front.IsReadable && back.PendingBytes == 0 || back.IsReadable && _front.PendingBytes == 0) _listener.Schedule(this);
    }

    // Answers whether the connection goes on.
    private bool Pump(IConnection from, IConnection to, RelayEnd endOfFrom)
    {
        long sent = to.BytesSent;
        if (!to.Flush()) return Fail(to);
        int moved = 0;
        while (from.IsReadable && to.PendingBytes == 0 && moved < TurnBytes)
        {
            int received = from.Receive(_listener.Memory.ReadBytes);
            if (received > 0)
            {
                moved += received;
                if (!to.Write(new ReadOnlySpan<byte>(_listener.Memory.Input, received))) return Fail(to);
                continue;
            }
            if (received == -Sockets.TryAgain) break;
            if (received < 0) return Fail(from);
            if (!to.InputEnded) _firstEnd = endOfFrom;
            ShortenDeadline();
            if (!to.EndOutput()) return Fail(to);
        }
        if (moved > 0 || to.BytesSent > sent) _activeAt = _listener.Loop.Now;
        return !from.HasFailed || Fail(from);
    }

    private bool Fail(IConnection failed)
    {
        End(_http is { Refusal: not HttpRefusal.None } ? RelayEnd.RequestRefused
            : failed != _front ? _back.Tls is { WasTruncated: true } ? RelayEnd.ServerTruncated : RelayEnd.ServerReset
            : _tls is { WasTruncated: true } ? RelayEnd.ClientTruncated
            : _tls is { Error: not 0 } or { WantsRenegotiation: true } ? RelayEnd.ClientBroken
            : RelayEnd.ClientReset);
        return false;
    }

    private void NoteHead()
    {
        _awaitedHead = _http!.AwaitedHead;
        _headDeadline = _awaitedHead == 0 ? Timestamp.Never : _listener.Loop.Now + _http.RequestTimeout;
        if (_awaitedHead != 0) _listener.Deadlines.Add(this);
    }

    private void RefuseLateHead()
    {
        bool isAnswered = _http!.Refusal != HttpRefusal.None;
        _http.Refuse(HttpRefusal.Timeout);
        End(isAnswered ? RelayEnd.RequestRefused : RelayEnd.RequestTimeout);
    }

    private void SetDeadline(TimeSpan time)
    {
        _deadline = _listener.Loop.Now + time;
        _listener.Deadlines.Add(this);
    }

    // The wheel looks at the former, longer deadline only when it has come.
    private void ShortenDeadline()
    {
        _activeAt = _listener.Loop.Now;
        _listener.Deadlines.Add(this);
    }

    private Timestamp QuietDeadline()
    {
        TimeSpan limit = _listener.Options.IdleTimeout, halfClosed = _listener.Options.HalfClosedTimeout;
        bool ended = _front.InputEnded || _back.Connection!.InputEnded;
        if (ended && halfClosed > TimeSpan.Zero && (limit == TimeSpan.Zero || halfClosed < limit)) limit = halfClosed;
        Timestamp quiet = limit == TimeSpan.Zero ? Timestamp.Never : _activeAt + limit;
        return _headDeadline < quiet ? _headDeadline : quiet;
    }
}

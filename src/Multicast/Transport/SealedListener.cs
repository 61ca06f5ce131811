using System.Net;
using System.Net.Sockets;

namespace Appliance.Multicast.Transport;

/// <summary>Accepts <see cref="SealedConnection"/>s and serves each on a thread of its own.</summary>
/// <remarks>
/// Bounded: when as many connections stand as may, one that has not yet proven to belong to the group gives way to the newcomer, the oldest first;
/// if all have, the newcomer is closed. So strangers cannot keep members out.
/// </remarks>
public sealed class SealedListener : IDisposable
{
    private const int Backlog = 64;
    private readonly Socket _socket;
    private readonly Action<SealedConnection> _serve;
    private readonly Thread _acceptThread;
    private readonly Lock _lock = new();
    private readonly List<Session> _sessions = [];
    private readonly long[] _failures = new long[(int)SealedConnectionError.Closed + 1];
    private readonly ManualResetEvent _stopped = new(false);
    private volatile SealedConnectionSettings _settings;
    private volatile bool _stop;
    private long _accepted, _established;

    private sealed class Session(SealedConnection connection)
    {
        public readonly SealedConnection Connection = connection;
        public Thread? Thread;
        public bool Proven;
    }

    private SealedListener(Socket socket, SealedConnectionSettings settings, Action<SealedConnection> serve)
    {
        _socket = socket;
        _settings = settings;
        _serve = serve;
        EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        _acceptThread = new Thread(AcceptAll) { Name = "sealed-listener", IsBackground = true };
        _acceptThread.Start();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>For connections that come from now on: replace it after a key rotation. Any thread.</summary>
    public SealedConnectionSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>Sockets accepted. Any thread.</summary>
    public long Accepted => Volatile.Read(ref _accepted);

    /// <summary>Connections whose handshake succeeded. Any thread.</summary>
    public long Established => Volatile.Read(ref _established);

    /// <summary>Connections that were refused or broke for a reason. Any thread.</summary>
    public long CountOf(SealedConnectionError error) => Volatile.Read(ref _failures[(int)error]);

    /// <summary>Starts to listen.</summary>
    /// <param name="endPoint">Address and port; port 0 lets the kernel choose (see <see cref="EndPoint"/>).</param>
    /// <param name="settings">The group, the keys and the limits.</param>
    /// <param name="serve">Called on the connection's own thread; the connection is closed when it returns. A <see cref="SealedConnectionException"/> from it is counted, any other exception is a mistake and ends the process.</param>
    /// <exception cref="GroupTransportException">The address cannot be bound.</exception>
    public static SealedListener Start(IPEndPoint endPoint, SealedConnectionSettings settings, Action<SealedConnection> serve)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(Backlog);
            return new SealedListener(socket, settings, serve);
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw new GroupTransportException($"cannot listen on {endPoint} for synchronisation: {error.Message}", error);
        }
    }

    /// <summary>Stops listening, breaks all connections and waits for their threads.</summary>
    public void Dispose()
    {
        if (_stop) return;
        _stop = true;
        _stopped.Set();
        _socket.Dispose();
        _acceptThread.Join();
        Session[] sessions;
        lock (_lock) sessions = [.. _sessions];
        foreach (Session session in sessions) session.Connection.Abort();
        foreach (Session session in sessions)
            if (session.Thread != Thread.CurrentThread) session.Thread?.Join();
        _stopped.Dispose();
    }

    private void AcceptAll()
    {
        while (!_stop)
        {
            Socket accepted;
            try
            {
                accepted = _socket.Accept();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Disposed; or the process is out of descriptors: then wait for some to come back.
                if (_stopped.WaitOne(TimeSpan.FromMilliseconds(100))) return;
                Count(SealedConnectionError.Network);
                continue;
            }
            Interlocked.Increment(ref _accepted);
            Admit(accepted);
        }
    }

    private void Admit(Socket accepted)
    {
        SealedConnectionSettings settings = _settings;
        Session session;
        try
        {
            session = new Session(SealedConnection.FromAccepted(accepted, settings));
        }
        catch (SocketException)
        {
            accepted.Dispose(); // the caller is gone already
            Count(SealedConnectionError.Network);
            return;
        }
        lock (_lock)
        {
            if (_sessions.Count >= settings.MaxConnections && !MakeRoom())
            {
                session.Connection.Dispose();
                Count(SealedConnectionError.Full);
                return;
            }
            session.Thread = new Thread(() => Serve(session)) { Name = "sealed-connection", IsBackground = true };
            _sessions.Add(session);
        }
        session.Thread.Start();
    }

    private bool MakeRoom()
    {
        int stranger = _sessions.FindIndex(static session => !session.Proven);
        if (stranger < 0) return false;
        _sessions[stranger].Connection.Abort();
        _sessions.RemoveAt(stranger);
        return true;
    }

    private void Serve(Session session)
    {
        try
        {
            session.Connection.Accept();
            lock (_lock) session.Proven = true;
            Interlocked.Increment(ref _established);
            _serve(session.Connection);
        }
        catch (SealedConnectionException error)
        {
            Count(error.Error);
        }
        finally
        {
            lock (_lock) _sessions.Remove(session);
            session.Connection.Dispose();
        }
    }

    private void Count(SealedConnectionError error) => Interlocked.Increment(ref _failures[(int)error]);
}

using System.Net;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Listeners;

/// <summary>Receives accepted connections; owns the descriptor from then on. Loop thread.</summary>
internal interface IAcceptHandler
{
    /// <summary>A connection was accepted.</summary>
    void OnAccepted(int descriptor, in SocketAddressBytes peer);

    /// <summary>Accepting failed for want of descriptors or memory; it is tried again a little later.</summary>
    void OnAcceptFailed(int error);
}

/// <summary>
/// A listening TCP socket on an event loop. The address need not exist yet (IP_FREEBIND), and it is never a wildcard:
/// a service answers on its own address and nowhere else.
/// </summary>
internal sealed class TcpAcceptor : IReadinessHandler, IRoundHandler, IDisposable
{
    private const int MaxAcceptedPerRound = 64; // a storm of connections must not hold up those that exist
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);
    private readonly EventLoop _loop;
    private readonly IAcceptHandler _handler;
    private int _descriptor;
    private Timestamp _retryAt = Timestamp.Never;

    private TcpAcceptor(EventLoop loop, IAcceptHandler handler, int descriptor, IPEndPoint endPoint)
    {
        _loop = loop;
        _handler = handler;
        _descriptor = descriptor;
        EndPoint = endPoint;
    }

    /// <summary>The address bound, with the port that the kernel chose if none was given.</summary>
    public IPEndPoint EndPoint { get; }

    /// <inheritdoc/>
    public Timestamp NextDeadline => _retryAt;

    /// <summary>Binds, listens and accepts from now on. Loop thread, or before the loop runs.</summary>
    /// <exception cref="ArgumentException">The address is a wildcard.</exception>
    /// <exception cref="IOException">The kernel refused, with the reason in one sentence.</exception>
    public static TcpAcceptor Start(EventLoop loop, IPEndPoint endPoint, int backlog, IAcceptHandler handler)
    {
        if (endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any))
            throw new ArgumentException($"{endPoint} is a wildcard: a listener binds to the service's or the node's address", nameof(endPoint));
        SocketAddressBytes address = new(endPoint);
        int descriptor = Sockets.Create(address.Family);
        if (descriptor < 0) throw Failure("create a socket for", endPoint, -descriptor);
        int error = Sockets.PrepareToListen(descriptor, address.Family);
        if (error == 0) error = Sockets.PrepareConnection(descriptor); // of those that it accepts
        if (error == 0) error = Sockets.Bind(descriptor, address);
        if (error == 0) error = Sockets.Listen(descriptor, backlog);
        if (error == 0) error = Sockets.GetName(descriptor, out address);
        if (error < 0)
        {
            Sockets.Close(descriptor);
            throw Failure("listen on", endPoint, -error);
        }
        TcpAcceptor acceptor = new(loop, handler, descriptor, address.ToEndPoint());
        loop.Register(descriptor, Readiness.Read, acceptor);
        loop.Add(acceptor);
        return acceptor;
    }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        for (int i = 0; i < MaxAcceptedPerRound; i++)
        {
            int accepted = Sockets.Accept(_descriptor, out SocketAddressBytes peer);
            if (accepted >= 0)
            {
                _handler.OnAccepted(accepted, peer);
                continue;
            }
            if (-accepted is Sockets.ConnectionAborted or Sockets.Interrupted) continue;
            if (-accepted != Sockets.TryAgain) Pause(-accepted);
            return;
        }
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _retryAt) return;
        _retryAt = Timestamp.Never;
        _loop.Change(_descriptor, Readiness.Read);
    }

    /// <summary>Stops listening. Loop thread (not at a round's end), or after the loop has stopped.</summary>
    public void Dispose()
    {
        if (_descriptor < 0) return;
        _loop.Remove(this);
        _loop.Unregister(_descriptor);
        Sockets.Close(_descriptor);
        _descriptor = -1;
    }

    // Level-triggered readiness would spin while no descriptor is left.
    private void Pause(int error)
    {
        _handler.OnAcceptFailed(error);
        _loop.Change(_descriptor, Readiness.None);
        _retryAt = _loop.Now + RetryDelay;
    }

    private static IOException Failure(string what, IPEndPoint endPoint, int error) => new(error switch
    {
        Sockets.AddressInUse => $"cannot {what} {endPoint}: another program listens there",
        Sockets.AccessDenied => $"cannot {what} {endPoint}: ports below 1024 need root or CAP_NET_BIND_SERVICE",
        _ => $"cannot {what} {endPoint}: errno {error}",
    });
}

namespace Appliance.Listeners.Connections;

/// <summary>Owner of <see cref="TcpConnection"/>s. Loop thread; must not block.</summary>
internal interface IConnectionHandler
{
    /// <summary>Something about the connection changed: it can be read, can take more, has connected or has failed. Its properties tell.</summary>
    void OnReady(TcpConnection connection);
}

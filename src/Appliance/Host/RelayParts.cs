using System.Net;
using Appliance.Backends;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>
/// What moves clients' bytes on a node: pools and relay listeners, on a loop and a thread of their own, so that bulk traffic never delays the
/// group's loop (docs/decisions/0007-relay-loop.md). Put together before the loop turns.
/// </summary>
internal sealed class RelayParts : IDisposable
{
    private readonly List<BackendPool> _pools;
    private readonly List<RelayListener> _listeners = [];
    private bool _started;

    /// <exception cref="NodeStartException">A listener's address cannot be used.</exception>
    internal RelayParts(ApplianceConfiguration configuration, ReadOnlyMemory<byte> hashSeed, ILoggerFactory loggers)
    {
        Loop = new EventLoop();
        var hash = new BuzHash(hashSeed.Span);
        _pools = [.. configuration.Backends.Select(options => new BackendPool(options, hash))];
        try
        {
            foreach (ListenerOptions options in configuration.Listeners.Where(static options => options.Type == ListenerType.Relay)) Open(configuration, options, loggers);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The loop that all of this belongs to.</summary>
    internal EventLoop Loop { get; }

    /// <summary>In the order of the configuration. Loop thread.</summary>
    internal IReadOnlyList<BackendPool> Pools => _pools;

    /// <summary>In the order of the configuration. Loop thread.</summary>
    internal IReadOnlyList<RelayListener> Listeners => _listeners;

    /// <summary>Lets the loop turn.</summary>
    internal void Start()
    {
        _started = true;
        Loop.Start("relay");
    }

    /// <summary>Puts a changed configuration in force. Loop thread.</summary>
    internal void Use(ApplianceConfiguration configuration)
    {
        foreach (BackendPool pool in _pools) pool.Use(configuration.Backends.First(options => options.Name == pool.Name));
        foreach (RelayListener listener in _listeners)
        {
            ListenerOptions options = configuration.Listeners.First(options => options.Name == listener.Options.Name);
            listener.Use(Settings(options), PoolOf(options));
        }
    }

    /// <summary>Stops the loop and ends all connections. Not on the loop's thread.</summary>
    public void Dispose()
    {
        if (_started)
        {
            Loop.RequestStop();
            Loop.Join();
        }
        foreach (RelayListener listener in _listeners) listener.Dispose();
        Loop.Dispose();
    }

    private void Open(ApplianceConfiguration configuration, ListenerOptions options, ILoggerFactory loggers)
    {
        var listener = new RelayListener(Loop, Settings(options), PoolOf(options), loggers.CreateLogger($"listener {options.Name}"));
        _listeners.Add(listener);
        try
        {
            foreach (IPAddress address in ListenerFactory.AddressesOf(configuration, options)) listener.Listen(new IPEndPoint(address, options.Port));
        }
        catch (IOException error)
        {
            throw new NodeStartException($"[listener {options.Name}] {error.Message}", error);
        }
    }

    private BackendPool PoolOf(ListenerOptions options) => _pools.First(pool => pool.Name == options.Backend);

    private static RelayOptions Settings(ListenerOptions options) => new()
    {
        Name = options.Name,
        MaxClients = options.MaxClients,
        MaxPerSource = options.MaxPerSource,
        MemoryBytes = options.ClientMemory.Bytes,
        IdleTimeout = options.IdleTimeout,
        HalfClosedTimeout = options.HalfClosedTimeout,
        TrustProxy = options.TrustProxy,
        ProxyTimeout = options.ProxyTimeout,
    };
}

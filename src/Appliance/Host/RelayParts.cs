using System.Net;
using System.Net.Sockets;
using Appliance.Backends;
using Appliance.Cluster.Health;
using Appliance.Cluster.Programs;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.LiveConnections;
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
    private readonly List<PoolChecks> _checks = [];
    private readonly List<RelayListener> _listeners = [];
    private readonly TlsParts _tls;
    private readonly (ConnectionMirror Mirror, EventLoop Loop)? _connections;
    private readonly HealthChecker? _checker;
    private readonly NotifyHooks? _hooks;
    private readonly Dictionary<string, AddressHook[]> _addressHooks = [];
    private volatile ApplianceConfiguration _configuration;
    private bool _started;

    /// <exception cref="NodeStartException">A listener's address or the user of commands cannot be used.</exception>
    /// <param name="configuration">Of the node.</param>
    /// <param name="hashSeed">BUZhash's.</param>
    /// <param name="tls">What TLS listeners share with the state; outlives this.</param>
    /// <param name="connections">What keeps connections alive, and its loop; null when no listener asks for it.</param>
    /// <param name="loggers">One for each listener.</param>
    internal RelayParts(ApplianceConfiguration configuration, ReadOnlyMemory<byte> hashSeed, TlsParts tls, (ConnectionMirror Mirror, EventLoop Loop)? connections, ILoggerFactory loggers)
    {
        _tls = tls;
        _connections = connections;
        _configuration = configuration;
        Loop = new EventLoop();
        if (connections is { } live) live.Mirror.Adopt = Adopt;
        var hash = new BuzHash(hashSeed.Span);
        _pools = [.. configuration.Backends.Select(options => new BackendPool(options, hash))];
        try
        {
            ProgramRunner programs = Programs(configuration.Node);
            _hooks = new NotifyHooks(programs, loggers.CreateLogger("notify"));
            ILogger addressLog = loggers.CreateLogger("addresses");
            foreach (ServiceOptions service in configuration.Services.Where(static service => service.AddressMode == AddressMode.Hook))
                _addressHooks[service.Name] = [.. service.Addresses.Select(address => new AddressHook(programs, service.Name, address, addressLog))];
            _checker = new HealthChecker(Loop, programs);
            Health = new ServiceHealth(configuration.Services, _checker);
            ILogger log = loggers.CreateLogger("health");
            foreach (BackendPool pool in _pools) _checks.Add(new PoolChecks(pool, _checker, log));
            foreach (BackendPool pool in _pools) pool.Tls = TlsParts.Load(pool.Options);
            foreach (ListenerOptions options in configuration.Listeners.Where(static options => options.IsRelay)) Open(configuration, options, loggers);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The loop that all of this belongs to.</summary>
    internal EventLoop Loop { get; }

    /// <summary>Whether this node's part of each service works. Any thread; its event is raised on <see cref="Loop"/>.</summary>
    internal ServiceHealth Health { get; }

    /// <summary>In the order of the configuration. Loop thread.</summary>
    internal IReadOnlyList<BackendPool> Pools => _pools;

    /// <summary>The checks of <see cref="Pools"/>. Loop thread.</summary>
    internal IReadOnlyList<PoolChecks> Checks => _checks;

    /// <summary>Notifications; for their counters.</summary>
    internal NotifyHooks Hooks => _hooks!;

    /// <summary>The hooks of floating addresses; none without <c>address-mode = hook</c>. Any thread.</summary>
    internal IEnumerable<AddressHook> AddressHooks => _addressHooks.Values.SelectMany(static hooks => hooks);

    /// <summary>In the order of the configuration. Loop thread.</summary>
    internal IReadOnlyList<RelayListener> Listeners => _listeners;

    /// <summary>Lets the loop turn.</summary>
    internal void Start()
    {
        _started = true;
        Loop.Start("relay");
    }

    /// <summary>
    /// This node took a service or lost it: tells the service's programs, soon and without waiting, and ends relayed connections at addresses that another node has now, whose servers
    /// would otherwise wait for ever. Any thread.
    /// </summary>
    internal void Notify(string service, string role, ulong term)
    {
        ServiceOptions? options = _configuration.Services.FirstOrDefault(options => options.Name == service);
        if (options is { Notify.IsEmpty: false }) _hooks!.Notify(new NotifyHook(options.Notify.Words, options.NotifyTimeout), service, role, term);
        if (options is not null && _addressHooks.TryGetValue(service, out AddressHook[]? hooks))
            foreach (AddressHook hook in hooks) hook.Ask(options.AddressCommand.Words, options.AddressTimeout, role, term);
        if (options is not null && role != "primary" && _listeners.Count > 0) Loop.Post(() => EndRelayed(options));
    }

    /// <summary>Reads the certificates of a configuration again. Any thread but the loop's, for it waits for the disk.</summary>
    /// <exception cref="NodeStartException">One cannot be used; nothing has changed.</exception>
    internal static Dictionary<string, TlsContexts> LoadTls(ApplianceConfiguration configuration)
    {
        var loaded = new Dictionary<string, TlsContexts>();
        try
        {
            foreach (ListenerOptions options in configuration.Listeners.Where(static options => options.Type == ListenerType.Tls)) loaded.Add(options.Name, TlsParts.Load(options));
            return loaded;
        }
        catch (NodeStartException)
        {
            foreach (TlsContexts contexts in loaded.Values) contexts.Dispose();
            throw;
        }
    }

    /// <summary>Puts a changed configuration in force. Loop thread.</summary>
    internal void Use(ApplianceConfiguration configuration, IReadOnlyDictionary<string, TlsContexts> tls)
    {
        _configuration = configuration;
        foreach (ServiceOptions service in configuration.Services) Health.Use(service, _checker!);
        foreach (BackendPool pool in _pools) pool.Use(configuration.Backends.First(options => options.Name == pool.Name));
        foreach (PoolChecks checks in _checks) checks.Use();
        foreach (RelayListener listener in _listeners)
        {
            ListenerOptions options = configuration.Listeners.First(options => options.Name == listener.Options.Name);
            listener.Use(Settings(options), PoolOf(options));
            if (tls.TryGetValue(options.Name, out TlsContexts? contexts)) listener.Tls?.Use(contexts);
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
        foreach (BackendPool pool in _pools) pool.Tls?.Dispose();
        _checker?.Dispose();
        // What the last role asks for is still begun; its deadline must not hold up the end.
        Task.WhenAll([_hooks?.DisposeAsync().AsTask() ?? Task.CompletedTask, .. AddressHooks.Select(static hook => hook.DisposeAsync().AsTask())]).Wait(TimeSpan.FromSeconds(2));
        Loop.Dispose();
    }

    private void EndRelayed(ServiceOptions service)
    {
        foreach (RelayListener listener in _listeners)
            if (_configuration.Listeners.Any(options => options.Name == listener.Options.Name && options.Service == service.Name)) listener.EndAt(service.Addresses);
    }

    private void Open(ApplianceConfiguration configuration, ListenerOptions options, ILoggerFactory loggers)
    {
        TlsServer? tls = options.Type == ListenerType.Tls ? _tls.Open(options, Loop) : null;
        var listener = new RelayListener(Loop, Settings(options), PoolOf(options), loggers.CreateLogger($"listener {options.Name}"), tls);
        _listeners.Add(listener);
        if (options.Survives && _connections is { } connections) listener.Keeper = KeeperFor(configuration, options, connections.Mirror, connections.Loop);
        try
        {
            foreach (IPAddress address in ListenerFactory.AddressesOf(configuration, options)) listener.Listen(new IPEndPoint(address, options.Port));
        }
        catch (IOException error)
        {
            throw new NodeStartException($"[listener {options.Name}] {error.Message}", error);
        }
    }

    private static ConnectionKeeper KeeperFor(ApplianceConfiguration configuration, ListenerOptions options, ConnectionMirror mirror, EventLoop loop)
    {
        ServiceOptions service = configuration.Services.First(service => service.Name == options.Service);
        int member = configuration.Group.Members.ToList().FindIndex(member => member.Name == configuration.Node.Id);
        return new ConnectionKeeper(mirror, mirror.Find(options.Service)!, loop, service.Addresses, options.SourceFor(AddressFamily.InterNetwork, service), options.SourceFor(AddressFamily.InterNetworkV6, service),
            EphemeralPorts.Share(EphemeralPorts.OfHost(), member, configuration.Group.Members.Count));
    }

    private void Adopt(IReadOnlyList<RestoredConnection> restored) => Loop.Post(() =>
    {
        foreach (RestoredConnection connection in restored)
        {
            RelayListener? listener = _listeners.Find(listener => listener.Keeper is { } keeper && keeper.Covers(connection.Local) && listener.EndPoints.Any(endPoint => endPoint.Port == connection.Local.Port));
            if (listener is not null)
            {
                listener.Adopt(connection);
                continue;
            }
            Sockets.Reset(connection.FrontDescriptor);
            if (connection.BackDescriptor >= 0) Sockets.Reset(connection.BackDescriptor);
        }
    });

    private static ProgramRunner Programs(NodeOptions node)
    {
        try
        {
            return new ProgramRunner(node.CommandUser);
        }
        catch (ArgumentException error)
        {
            throw new NodeStartException($"[node] command-user: there is no user '{node.CommandUser}'", error);
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

using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Listeners.Resp.Connections;
using Appliance.LiveConnections;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>What a node is made of: loop, group, mirror, snapshots, listeners. Put together before the loop turns, taken apart after it has stopped.</summary>
internal sealed class NodeParts : IDisposable
{
    private readonly SealedSyncTransport _channels;
    private readonly TermFiles _terms;
    private readonly SynchronisationServer _snapshots;
    private readonly List<ListenerOptions> _listenerOptions = [];
    private readonly List<RespListener> _listeners = [];
    private readonly MulticastGroup? _group;
    private readonly RelayParts? _relay;
    private Thread? _thread;

    /// <exception cref="NodeStartException">A listener's address or password cannot be used.</exception>
    /// <exception cref="GroupTransportException">The group's interface or addresses cannot be used.</exception>
    /// <exception cref="IOException">A term cannot be kept.</exception>
    internal NodeParts(ApplianceConfiguration configuration, StateDirectory state, ulong incarnation, GroupKeys keys, ILoggerFactory loggers)
    {
        ILogger log = loggers.CreateLogger("group");
        StateMirrorOptions options = NodeSettings.Mirror(configuration, incarnation, keys.HashSeed);
        SealedConnectionSettings connections = NodeSettings.Connections(configuration, keys.Keys);
        int frameBytes = SyncLimits.MessageBytes(options.Limits);
        Loop = new EventLoop();
        Clocks = new ClockWatch(EventLoop.ReadWallClock, text => NodeLog.Warning(log, text));
        _channels = new SealedSyncTransport(Loop, connections, frameBytes); // its round comes before the mirror's
        _terms = new TermFiles(state.Path, text => NodeLog.Warning(log, text));
        Mirror = new StateMirror(options, _channels, _terms, (kind, text) => GroupEvents.Log(log, kind, text));
        Failover = new Failover(configuration, state, Mirror, Loop, loggers.CreateLogger("failover"));
        Mirror.Roles = Failover;
        _snapshots = SynchronisationServer.Start(NodeSettings.Synchronisation(configuration), connections, frameBytes, Mirror.CreateServerSession);
        try
        {
            _group = MulticastGroup.Start(NodeSettings.Group(configuration, incarnation, keys.Keys, _snapshots.EndPoint), Loop, new GroupEvents(Mirror, Failover, log));
            Mirror.Start(_group);
            Failover.Start(_group);
            Loop.Add(Mirror);
            Loop.Add(Failover); // beats have been read, and the mirror has said what it became
            Loop.Add(new TroubleLog(_group, log));
            Connections = ConnectionMirror.Start(configuration, Loop, Mirror, _group, loggers.CreateLogger("connections"));
            if (Connections is not null)
            {
                Mirror.Connections = Connections;
                Failover.Connections = Connections;
                Connections.IsServing = Failover.Serves;
            }
            Tls = new TlsParts(Loop, Mirror.Store); // its rounds come after the mirror's: roles are settled
            Loop.Add(Clocks);
            if (configuration.Node.Role == MemberRole.Data) OpenListeners(configuration, loggers);
            if (configuration.Node.Role == MemberRole.Data) _relay = new RelayParts(configuration, keys.HashSeed, Tls, Connections is null ? null : (Connections, Loop), loggers);
            if (_relay is not null) Join(_relay);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The node's loop.</summary>
    internal EventLoop Loop { get; }

    /// <summary>Whether clocks are right.</summary>
    internal ClockWatch Clocks { get; }

    /// <summary>The group.</summary>
    internal MulticastGroup Group => _group!;

    /// <summary>The state.</summary>
    internal StateMirror Mirror { get; }

    /// <summary>Elections and addresses.</summary>
    internal Failover Failover { get; }

    /// <summary>Sessions and ticket keys.</summary>
    internal TlsParts Tls { get; } = null!;

    /// <summary>Connections that outlive their node; null when no listener asks for it.</summary>
    internal ConnectionMirror? Connections { get; }

    /// <summary>Pools and relays; null on a witness.</summary>
    internal RelayParts? Relay => _relay;

    /// <summary>The Redis listeners by name.</summary>
    internal IReadOnlyList<(ListenerOptions Options, RespListener Listener)> Listeners => [.. _listenerOptions.Zip(_listeners)];

    /// <summary>The snapshots that were served.</summary>
    internal SynchronisationServer Snapshots => _snapshots;

    /// <summary>Connections from now on use these keys. Loop thread.</summary>
    internal void UseKeys(ApplianceConfiguration configuration, GroupKeys keys)
    {
        _channels.Settings = NodeSettings.Connections(configuration, keys.Keys);
        _snapshots.Listener.Settings = _snapshots.Listener.Settings with { Keys = keys.Keys };
    }

    /// <summary>Lets the loop turn.</summary>
    internal void Start()
    {
        _thread = new Thread(Loop.Run) { Name = "loop", IsBackground = true };
        _thread.Start();
        _relay?.Start();
    }

    /// <summary>Hands its services over, says goodbye to the group, and waits until the others have what was written, but not long.</summary>
    internal async Task LeaveAsync()
    {
        TimeSpan patience = PlannedHandOver.PreparationLimit + TimeSpan.FromMilliseconds(200); // and the hand-over itself
        Task released = await Loop.AskAsync(() => Failover.ReleaseAsync(), patience).ConfigureAwait(false);
        await Task.WhenAny(released, Task.Delay(patience)).ConfigureAwait(false);
        await Loop.AskAsync(() => { Failover.ReleaseAll(); return true; }, patience).ConfigureAwait(false);
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        await Loop.AskAsync(() => { Group.Leave(); return true; }, patience).ConfigureAwait(false);
        while (Environment.TickCount64 < deadline && !await Loop.AskAsync(() => Group.IsDrained, patience).ConfigureAwait(false)) await Task.Delay(5).ConfigureAwait(false);
    }

    /// <summary>Stops the loop and frees everything. Not on the loop's thread.</summary>
    public void Dispose()
    {
        _relay?.Dispose();
        Loop.RequestStop();
        _thread?.Join();
        foreach (RespListener listener in _listeners) listener.Dispose();
        Tls?.Dispose();
        Connections?.Dispose();
        _channels.Dispose();
        _snapshots.Dispose();
        _group?.Dispose();
        Failover.Dispose();
        Mirror.Dispose();
        _terms.Dispose();
        Loop.Dispose();
    }

    private void Join(RelayParts relay)
    {
        Failover.IsHealthy = relay.Health.IsHealthy;
        Failover.Notify = relay.Notify;
        relay.Health.Changed += (_, _) => Loop.Post(Failover.OnHealthChanged);
    }

    private void OpenListeners(ApplianceConfiguration configuration, ILoggerFactory loggers)
    {
        foreach (ListenerOptions options in configuration.Listeners.Where(static options => options.Type == ListenerType.Resp))
        {
            _listeners.Add(ListenerFactory.Open(configuration, options, Mirror.Store(options.Service), Loop, loggers));
            _listenerOptions.Add(options);
        }
    }
}

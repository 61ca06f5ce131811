using System.Reflection;
using Appliance.Admin;
using Appliance.Configuration;
using Appliance.Listeners.Resp.Connections;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>One node: its loop, its group, its services, its listeners and its admin page, from start to end.</summary>
internal sealed class NodeHost : IAdminSource, IAsyncDisposable
{
    private readonly string _path;
    private readonly NodeLogging _logging;
    private readonly ILogger _log;
    private readonly StateDirectory _state;
    private readonly EventLoop _loop = new();
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Timestamp _started = EventLoop.ReadClock();
    private readonly SemaphoreSlim _reloading = new(1);
    private ApplianceConfiguration _configuration;
    private readonly List<StandaloneService> _services = [];
    private readonly List<RespListener> _listeners = [];
    private ReadOnlyMemory<byte> _seed = new byte[BuzHash.SeedBytes];
    private AdminServer? _admin;

    private NodeHost(ApplianceConfiguration configuration, string path, NodeLogging logging, StateDirectory state)
    {
        _configuration = configuration;
        _path = path;
        _logging = logging;
        _log = logging.Factory.CreateLogger("appliance");
        _state = state;
    }

    /// <summary>The program's version.</summary>
    internal static string Version { get; } = typeof(NodeHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Ends, with the error, when the node cannot go on.</summary>
    internal Task Failed => _failed.Task;

    /// <summary>This life of the node.</summary>
    internal ulong Incarnation { get; private set; }

    /// <summary>Starts a node; it serves when this returns.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal static async Task<NodeHost> StartAsync(ApplianceConfiguration configuration, string path, NodeLogging logging)
    {
        NodeHost? node = null;
        try
        {
            node = new NodeHost(configuration, path, logging, StateDirectory.Open(configuration.Node.StateDirectory));
            await node.StartAsync().ConfigureAwait(false);
            return node;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or NodeStartException)
        {
            if (node is not null) await node.DisposeAsync().ConfigureAwait(false);
            throw error as NodeStartException ?? new NodeStartException(error.Message, error);
        }
    }

    /// <inheritdoc/>
    public Task<NodeStatus> GetStatusAsync() => _loop.AskAsync(Describe, _configuration.Admin.Timeout);

    /// <inheritdoc/>
    public Task<string> GetMetricsAsync() => throw new TimeoutException("not yet");

    /// <inheritdoc/>
    public Task<RecordReport?> GetRecordAsync(string? service, byte[] key) => Task.FromResult<RecordReport?>(null);

    /// <inheritdoc/>
    public async Task<ReloadReport> ReloadAsync()
    {
        await _reloading.WaitAsync().ConfigureAwait(false);
        try
        {
            return Reload();
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <summary>Says goodbye to the group and ends everything.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_admin is not null) await _admin.DisposeAsync().ConfigureAwait(false);
        _loop.RequestStop();
        _loop.Dispose();
        foreach (RespListener listener in _listeners) listener.Dispose();
        foreach (StandaloneService service in _services) service.Dispose();
        _state.Dispose();
        _reloading.Dispose();
    }

    private async Task StartAsync()
    {
        GroupOptions group = _configuration.Group;
        Incarnation = _state.NextIncarnation(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        NodeLog.Starting(_log, _configuration.Node.Id, Incarnation, group.Name, SettingReader.Format(group.Transport), SettingReader.Format(group.Security), Digest()[..12]);
        if (group.Security == GroupSecurity.None) NodeLog.Unsealed(_log);
        foreach (ServiceOptions service in _configuration.Services) OpenService(service);
        _loop.Start("loop");
        _admin = await AdminServer.StartAsync(_configuration.Admin, this, _logging.Factory).ConfigureAwait(false);
        NodeLog.Up(_log, _configuration.Node.Id, string.Join(", ", _configuration.Listeners.Select(listener => $"{listener.Name} on port {listener.Port}")), _configuration.Admin.Socket);
    }

    private void OpenService(ServiceOptions options)
    {
        var limits = new StoreLimits { MemoryBytes = _configuration.Node.MemoryLimit.Bytes / _configuration.Services.Count, MaxKeyBytes = (int)_configuration.Group.MaxKey.Bytes, MaxValueBytes = (int)_configuration.Group.MaxValue.Bytes };
        var policies = new ClassPolicies([.. _configuration.Classes.Select(static options => options with { Acks = default })], 1);
        var service = new StandaloneService(options.Name, policies, new BuzHash(_seed.Span), limits, static () => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        _services.Add(service);
        foreach (ListenerOptions listener in _configuration.Listeners.Where(listener => listener.Service == options.Name))
            _listeners.Add(ListenerFactory.Open(_configuration, listener, service.Store, _loop, _logging.Factory));
    }

    private ReloadReport Reload()
    {
        LoadResult loaded = ConfigurationLoader.Load(_path);
        if (loaded.Configuration is null)
        {
            string[] problems = [.. loaded.Problems.Select(static problem => problem.ToString())];
            NodeLog.ReloadRefused(_log, string.Join("; ", problems));
            return new ReloadReport([], [], problems);
        }
        ConfigurationReload reload = ConfigurationReload.Compare(_configuration, loaded.Configuration);
        _configuration = reload.Configuration;
        _logging.Level = _configuration.Node.LogLevel;
        NodeLog.Reloaded(_log, reload.Applied.Count, reload.NeedRestart.Count == 0 ? "" : $"; a restart is needed for {string.Join(", ", reload.NeedRestart)}");
        return new ReloadReport(reload.Applied, reload.NeedRestart, []);
    }

    private NodeStatus Describe() => new()
    {
        Id = _configuration.Node.Id,
        Incarnation = Incarnation,
        Role = SettingReader.Format(_configuration.Node.Role),
        Version = Version,
        UptimeSeconds = (long)(EventLoop.ReadClock() - _started).TotalSeconds,
        Synchronised = true,
        Memory = new MemoryStatus(0, _configuration.Node.MemoryLimit.Bytes),
        Group = new GroupStatus(_configuration.Group.Name, SettingReader.Format(_configuration.Group.Transport), SettingReader.Format(_configuration.Group.Security), Digest()),
        Services = [],
        Members = [],
        WouldBeLost = [],
        Warnings = [],
    };

    private string Digest() => Convert.ToHexStringLower(GroupDigest.Compute(_configuration));
}

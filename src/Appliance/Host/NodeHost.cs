using System.Reflection;
using Appliance.Admin;
using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Tls;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Host;

/// <summary>One node from start to end: its parts, its admin page, its reloads.</summary>
internal sealed class NodeHost : IAdminSource, IAsyncDisposable
{
    private readonly string _path;
    private readonly NodeLogging _logging;
    private readonly ILogger _log;
    private readonly StateDirectory _state;
    private readonly PauseWatch _pauses = new();
    private readonly SemaphoreSlim _reloading = new(1);
    private ApplianceConfiguration _configuration;
    private GroupKeys _keys;
    private NodeParts? _parts;
    private AdminServer? _admin;

    private NodeHost(ApplianceConfiguration configuration, string path, NodeLogging logging, StateDirectory state, GroupKeys keys)
    {
        _configuration = configuration;
        _path = path;
        _logging = logging;
        _log = logging.Factory.CreateLogger("appliance");
        _state = state;
        _keys = keys;
        Incarnation = state.NextIncarnation(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    /// <summary>The program's version.</summary>
    internal static string Version { get; } = typeof(NodeHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>This life of the node.</summary>
    internal ulong Incarnation { get; }

    private NodeParts Parts => _parts ?? throw new TimeoutException("the node has not started yet");

    /// <summary>Starts a node; it serves when this returns.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal static async Task<NodeHost> StartAsync(ApplianceConfiguration configuration, string path, NodeLogging logging)
    {
        NodeHost? node = null;
        try
        {
            GroupKeys keys = GroupKeys.Load(configuration.Group);
            StateDirectory state = StateDirectory.Open(configuration.Node.StateDirectory);
            node = new NodeHost(configuration, path, logging, state, keys);
            await node.StartAsync().ConfigureAwait(false);
            return node;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or GroupTransportException or NodeStartException)
        {
            if (node is not null) await node.DisposeAsync().ConfigureAwait(false);
            throw error as NodeStartException ?? new NodeStartException(error.Message, error);
        }
    }

    /// <inheritdoc/>
    public async Task<NodeStatus> GetStatusAsync()
    {
        var view = new NodeView(_configuration, Incarnation, Parts);
        NodeStatus status = await Parts.Loop.AskAsync(view.Describe, _configuration.Admin.Timeout).ConfigureAwait(false);
        return Parts.Relay is { } relay ? status.With(await relay.Loop.AskAsync(() => RelayView.Describe(relay, _configuration), _configuration.Admin.Timeout).ConfigureAwait(false)) : status;
    }

    /// <summary>The node in one line: its roles, its members, what would be lost.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time, or something else that must turn does not.</exception>
    internal async Task<string> SummariseAsync(TimeSpan timeout)
    {
        var view = new NodeView(_configuration, Incarnation, Parts);
        (NodeStatus status, string? hanging) = await Parts.Loop.AskAsync(() => (view.Describe(), Parts.Group.ReadStatus().Heartbeats.Hanging), timeout).ConfigureAwait(false);
        return hanging is null ? StatusLine.Of(status) : throw new TimeoutException($"'{hanging}' does not advance: the node has fallen silent");
    }

    /// <inheritdoc/>
    public async Task<string> GetMetricsAsync()
    {
        var page = new MetricsPage(_configuration, Incarnation, Parts, _pauses);
        string text = await Parts.Loop.AskAsync(page.Write, _configuration.Admin.Timeout).ConfigureAwait(false);
        return Parts.Relay is { } relay ? text + await relay.Loop.AskAsync(() => RelayView.Metrics(relay, _configuration), _configuration.Admin.Timeout).ConfigureAwait(false) : text;
    }

    /// <inheritdoc/>
    public Task<RecordReport?> GetRecordAsync(string? service, byte[] key)
    {
        string? name = service ?? (_configuration.Services.Count == 1 ? _configuration.Services[0].Name : null);
        if (name is null || Parts.Mirror.Services.All(known => known.Name != name)) return Task.FromResult<RecordReport?>(null);
        return Parts.Loop.AskAsync(() => RecordDecoder.ToJson(Parts.Mirror.Store(name), key) is { } json ? new RecordReport(name, true, json) : (RecordReport?)new RecordReport(name, false, null), _configuration.Admin.Timeout);
    }

    /// <inheritdoc/>
    public Task<PrimaryReport?> GetPrimaryAsync(string service)
    {
        if (_configuration.Services.All(known => known.Name != service)) return Task.FromResult<PrimaryReport?>(null);
        int index = _configuration.Services.ToList().FindIndex(known => known.Name == service);
        return Parts.Loop.AskAsync(() =>
        {
            bool serves = Parts.Failover.IsServing(service) && Parts.Group.ReadStatus().Heartbeats.Hanging is null;
            return (PrimaryReport?)new PrimaryReport(serves, Parts.Failover.PrimaryOf(index));
        }, _configuration.Admin.Timeout);
    }

    /// <inheritdoc/>
    public async Task<string?> PromoteAsync(string service, string node)
    {
        Task<string?> handOver = await Parts.Loop.AskAsync(() => Parts.Failover.PromoteAsync(service, node), _configuration.Admin.Timeout).ConfigureAwait(false);
        return await handOver.WaitAsync(_configuration.Admin.Timeout).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<string?> DrainAsync(string node, bool drained)
    {
        if (node.Length > 0 && node != _configuration.Node.Id) return $"this node is {_configuration.Node.Id}: run it on {node}, or with --admin and the socket of {node}";
        await Parts.Loop.AskAsync(() => { Parts.Failover.SetDrained(drained); return true; }, _configuration.Admin.Timeout).ConfigureAwait(false);
        return null;
    }

    /// <inheritdoc/>
    public Task<string?> AcceptLossAsync(string service) => Parts.Loop.AskAsync(() => Parts.Failover.Losses.Accept(service), _configuration.Admin.Timeout);

    /// <inheritdoc/>
    public Task<MembershipReport> GetMembersAsync() => Parts.Loop.AskAsync(() => Parts.Failover.Membership.List(), _configuration.Admin.Timeout);

    /// <inheritdoc/>
    public Task<string?> ChangeMembersAsync(string member, bool add) =>
        Parts.Loop.AskAsync(() => add ? Parts.Failover.Membership.Add(member) : Parts.Failover.Membership.Remove(member), _configuration.Admin.Timeout);

    /// <inheritdoc/>
    public Task<DrainReport?> DrainServerAsync(string server, bool draining) =>
        Parts.Relay is { } relay ? relay.Loop.AskAsync(() => RelayView.Drain(relay, server, draining), _configuration.Admin.Timeout) : Task.FromResult<DrainReport?>(null);

    /// <inheritdoc/>
    public Task<string?> RotateTicketKeysAsync(string service) => Parts.Loop.AskAsync(() => Parts.Tls.Rotate(service), _configuration.Admin.Timeout);

    /// <inheritdoc/>
    public async Task<ReloadReport> ReloadAsync()
    {
        await _reloading.WaitAsync().ConfigureAwait(false);
        try
        {
            ReloadReport report = await ReloadNowAsync().ConfigureAwait(false);
            if (report.Problems.Count > 0) NodeLog.ReloadRefused(_log, string.Join("; ", report.Problems));
            else NodeLog.Reloaded(_log, report.Applied.Count, report.NeedRestart.Count == 0 ? "" : $"; a restart is needed for {string.Join(", ", report.NeedRestart)}");
            return report;
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
        if (_parts is not null)
        {
            try
            {
                await _parts.LeaveAsync().ConfigureAwait(false);
            }
            catch (TimeoutException hung)
            {
                NodeLog.Warning(_log, $"ended without a goodbye: {hung.Message}");
            }
            _parts.Dispose();
        }
        _pauses.Dispose();
        _state.Dispose();
        _reloading.Dispose();
    }

    private async Task StartAsync()
    {
        GroupOptions group = _configuration.Group;
        NodeLog.Starting(_log, _configuration.Node.Id, Incarnation, group.Name, SettingReader.Format(group.Transport), SettingReader.Format(group.Security), GroupDigest.Text(_configuration)[..12]);
        if (_configuration.Node.CompileAhead) CompiledAhead.Prepare(); // before the others count on this node
        _parts = new NodeParts(_configuration, _state, Incarnation, _keys, _logging.Factory);
        MulticastStatus status = _parts.Group.ReadStatus();
        foreach (string warning in status.Warnings) NodeLog.Warning(_log, warning);
        if (group.Security == GroupSecurity.Sealed && CoreDumps.Forbid() is var refused and not 0) NodeLog.Warning(_log, $"core dumps would contain keys: prctl failed with errno {refused}");
        NodeLog.Note(_log, status.StartUpTest.Sentence);
        Demand(_configuration.Node.Realtime, status.Heartbeats.WhyNotRealtime, "[node] realtime", "heartbeats run without real-time priority");
        Demand(_configuration.Node.LockMemory, status.Heartbeats.WhyNotLocked, "[node] lock-memory", "memory is not locked");
        _parts.Start();
        _admin = await AdminServer.StartAsync(_configuration.Admin, this, _logging.Factory).ConfigureAwait(false);
        NodeLog.Up(_log, _configuration.Node.Id, _configuration.Listeners.Count == 0 || _configuration.Node.Role == MemberRole.Witness ? "no listeners" : string.Join(", ", _configuration.Listeners.Select(static listener => $"{listener.Name} on port {listener.Port}")), _configuration.Admin.Socket);
    }

    private void Demand(Permission permission, string? whyNot, string key, string consequence)
    {
        if (permission == Permission.No || whyNot is null) return;
        if (permission == Permission.Yes) throw new NodeStartException($"{key} = yes, but {whyNot}");
        NodeLog.Warning(_log, $"{consequence}: {whyNot}");
    }

    private async Task<ReloadReport> ReloadNowAsync()
    {
        LoadResult loaded = ConfigurationLoader.Load(_path);
        if (loaded.Configuration is null) return new ReloadReport([], [], [.. loaded.Problems.Select(static problem => problem.ToString())]);
        ConfigurationReload reload = ConfigurationReload.Compare(_configuration, loaded.Configuration);
        GroupKeys keys;
        Dictionary<string, TlsContexts> tls;
        try
        {
            keys = GroupKeys.Load(reload.Configuration.Group);
            if (_keys.WhyNot(keys) is { } whyNot) return new ReloadReport([], [], [whyNot]);
            tls = Parts.Relay is null ? [] : RelayParts.LoadTls(reload.Configuration);
        }
        catch (NodeStartException wrong)
        {
            return new ReloadReport([], [], [wrong.Message]);
        }
        try
        {
            IReadOnlyList<string> rotated = await Parts.Loop.AskAsync(() => Apply(reload.Configuration, keys), _configuration.Admin.Timeout).ConfigureAwait(false);
            if (Parts.Relay is { } relay) await relay.Loop.AskAsync(() => { relay.Use(reload.Configuration, tls); return true; }, _configuration.Admin.Timeout).ConfigureAwait(false);
            return new ReloadReport([.. reload.Applied, .. rotated, .. tls.Keys.Select(static name => $"[listener {name}] certificates: read again")], reload.NeedRestart, []);
        }
        catch (TimeoutException hung)
        {
            return new ReloadReport([], [], [hung.Message]);
        }
    }

    // On the loop: the parts belong to it.
    private IReadOnlyList<string> Apply(ApplianceConfiguration configuration, GroupKeys keys)
    {
        IReadOnlyList<string> rotated = _keys.Apply(keys, Parts.Group);
        if (rotated.Count > 0) Parts.UseKeys(configuration, keys);
        Parts.Mirror.UseClasses(configuration.Classes);
        Parts.Tls.Use(configuration);
        if (Parts.Connections?.Use(configuration) is { } refused) NodeLog.Warning(_log, refused);
        _logging.Level = configuration.Node.LogLevel;
        _keys = keys;
        _configuration = configuration;
        return rotated;
    }
}

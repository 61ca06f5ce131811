using System.Buffers.Binary;
using System.Net;
using Appliance.Cluster.Failover;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Appliance.TcpStateMirror.Packets;
using Appliance.TcpStateMirror.Takeover;
using Microsoft.Extensions.Logging;

namespace Appliance.LiveConnections;

/// <summary>
/// Keeps the relayed connections of a node's services alike on all data members, so that whoever takes a service over goes on with them (ARCHITECTURE 7; A2, A8; docs/takeover.md). The primary publishes each
/// socket's record and every segment before its kernel may acknowledge it; the others put the streams together. Loop thread of the node, except where it says otherwise.
/// </summary>
internal sealed partial class ConnectionMirror : IServiceTakeover, IRoundHandler, IDisposable
{
    // What the relay has seen acknowledged is trimmed so often: less is kept, at the price of a message per busy connection.
    private static readonly TimeSpan TrimInterval = TimeSpan.FromMilliseconds(10);

    // Somebody may flush the packet filter.
    private static readonly TimeSpan VerifyInterval = TimeSpan.FromSeconds(1);

    private readonly ServiceConnections?[] _services;
    private readonly Dictionary<IpAddressBytes, ServiceConnections> _byAddress = [];
    private readonly IGroup _group;
    private readonly ConnectionPublisher _publisher;
    private readonly PacketHold _hold;
    private HoldRule[] _rules;
    private readonly ILogger _log;
    private readonly AssemblyMemory _memory;
    private readonly EventLoop _loop;
    private Timestamp _trimAt, _verifyAt;

    private ConnectionMirror(ApplianceConfiguration configuration, EventLoop loop, StateMirror mirror, IGroup group, ILogger log)
    {
        _loop = loop;
        _group = group;
        _log = log;
        _memory = new AssemblyMemory(configuration.Listeners.Where(static listener => listener.Survives).Sum(static listener => listener.SurviveMemory.Bytes));
        _services = [.. configuration.Services.Select((service, index) => configuration.Listeners.FirstOrDefault(listener => listener.Survives && listener.Service == service.Name) is { } survivor
            ? new ServiceConnections(service.Name, mirror.Services[index], survivor.WhenShort, _memory) : null)];
        foreach (ServiceOptions service in configuration.Services)
            foreach (IPAddress address in service.Addresses)
                if (Find(service.Name) is { } survivor) _byAddress[new IpAddressBytes(address.GetAddressBytes())] = survivor;
        _rules = [.. RulesOf(configuration)];
        _publisher = new ConnectionPublisher(group, _services);
        _hold = PacketHold.Open(loop, this, _publisher, configuration.Node.Id);
        loop.Add(this);
    }

    /// <summary>What was done.</summary>
    internal LiveCounters Counters { get; } = new();

    /// <summary>Bytes of all streams held.</summary>
    internal long MemoryBytes => _memory.UsedBytes;

    /// <summary>Whether this node's lease for a service is valid now.</summary>
    internal Func<int, bool> IsServing { get; set; } = static _ => false;

    /// <summary>Takes restored connections in; called on this loop, must not wait.</summary>
    internal Action<IReadOnlyList<RestoredConnection>> Adopt { get; set; } = static _ => { };

    /// <inheritdoc/>
    public Timestamp NextDeadline => _trimAt;

    /// <summary>Starts where a listener wants it. Before the loop turns, after mirror and group have started.</summary>
    /// <returns>Null when no listener has <c>survive = connections</c>.</returns>
    /// <exception cref="NodeStartException">This host cannot hold segments.</exception>
    internal static ConnectionMirror? Start(ApplianceConfiguration configuration, EventLoop loop, StateMirror mirror, IGroup group, ILogger log)
    {
        if (configuration.Node.Role != MemberRole.Data || !configuration.Listeners.Any(static listener => listener.Survives)) return null;
        ConnectionMirror? connections = null;
        try
        {
            connections = new ConnectionMirror(configuration, loop, mirror, group, log);
            connections._hold.Rules.Install(connections._rules);
            return connections;
        }
        catch (TakeoverSetupException refused)
        {
            connections?.Dispose();
            throw new NodeStartException($"survive = connections: {refused.Message}", refused);
        }
    }

    /// <summary>Servers of a changed configuration are held too. Those that are gone stay held: connections to them may go on.</summary>
    /// <returns>What went wrong, in a sentence; null when nothing did.</returns>
    internal string? Use(ApplianceConfiguration configuration)
    {
        HoldRule[] rules = [.. _rules.Union(RulesOf(configuration))];
        if (rules.Length == _rules.Length) return null;
        _rules = rules;
        try
        {
            _hold.Rules.Install(_rules);
            return null;
        }
        catch (TakeoverSetupException refused)
        {
            return refused.Message;
        }
    }

    /// <summary>Whether somebody else can go on with a service's connections now.</summary>
    internal bool IsProtected(ServiceConnections service) => service.ConfirmedThrough(_group.Members, out bool isAlone) > 0 && !isAlone;

    /// <summary>The connections of a service; null when none of its listeners keeps them.</summary>
    internal ServiceConnections? Find(string service) => Array.Find(_services, known => known?.Name == service);

    /// <summary>By service, in the order of the configuration; null for those without.</summary>
    internal IReadOnlyList<ServiceConnections?> Services => _services;

    /// <summary>Somebody has applied more of what this node published, or a member changed.</summary>
    internal void OnProgress()
    {
        foreach (ServiceConnections? service in _services)
            if (service is { IsPrimary: true }) Confirm(service);
    }

    /// <summary>A member came or holds everything now: it is told of all connections, before it counts for what comes after.</summary>
    internal void OnMemberChanged(MemberChange change)
    {
        if (change is not (MemberChange.Joined or MemberChange.Restored or MemberChange.SynchronisedChanged)) return;
        foreach (ServiceConnections? service in _services)
            if (service is { IsPrimary: true }) _publisher.PublishAll(service);
    }

    /// <summary>Part of a member's stream will not come: what it told of connections has holes, and ends may be missing. It tells all of them again when this node has resynchronised.</summary>
    internal void OnStreamGap(GroupMember sender)
    {
        foreach (ServiceConnections? service in _services)
            if (service is { IsPrimary: false } && service.State.IsWrittenBy(sender)) service.Clear();
    }

    /// <summary>The group takes messages again.</summary>
    internal void OnWindowOpen()
    {
        _publisher.PublishBehind();
        _hold.Resume();
    }

    /// <summary>One message of a stream.</summary>
    internal void Apply(ReadOnlySpan<byte> bytes)
    {
        if (!ConnectionMessage.TryParse(bytes, out ConnectionMessage message) || Find(message.Service) is not { } service || !TryApply(service, message)) Counters.Ignored++;
    }

    /// <summary>A socket of an address of ours may say that a connection is over: this node has the lease.</summary>
    internal bool MaySpeak(in IpAddressBytes local) => _byAddress.TryGetValue(local, out ServiceConnections? service) && service.IsPrimary && IsServing(Array.IndexOf(_services, service));

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        _publisher.PublishClosing();
        _publisher.PublishBehind();
        if (_publisher.IsUpToDate) _hold.Resume();
        if (_publisher.HasWaiting)
        {
            _publisher.HasWaiting = false;
            OnProgress();
        }
        if (now < _trimAt) return;
        _trimAt = now + TrimInterval;
        if (_hold.HasParked) _hold.LookAgain(now);
        foreach (ServiceConnections? service in _services)
            if (service is { IsPrimary: true }) _publisher.Tend(service, now);
        if (now >= _verifyAt) Verify(now);
    }

    /// <summary>Lets go of what is held, removes the rules, frees the memory. Not while the loop runs.</summary>
    public void Dispose()
    {
        _loop.Remove(this);
        _hold.Dispose();
        foreach (ServiceConnections? service in _services) service?.Clear();
    }

    private ServiceConnections? Find(ServiceId id)
    {
        foreach (ServiceConnections? service in _services)
            if (service is not null && service.Id == id) return service;
        return null;
    }

    private bool TryApply(ServiceConnections service, in ConnectionMessage message)
    {
        if (service.IsPrimary || message.Term < service.Term) return false;
        if (message.Term > service.Term)
        {
            // The new primary tells anew what it goes on with. Until it has, what is known of the older term is right: its sockets say nothing before.
            service.Term = message.Term;
            service.Clock = default;
        }
        Timestamp now = _group.Now;
        if (message.Kind == ConnectionMessageKind.Clock)
        {
            service.HearClock(message.Offset, now);
            return true;
        }
        if (message.Kind == ConnectionMessageKind.Settled)
        {
            for (int i = service.All.Count - 1; i >= 0; i--)
                if (service.All[i].Term < message.Term) service.Remove(service.All[i]);
            return true;
        }
        LiveConnection? connection = service.Find(message.Connection);
        if (message.Kind == ConnectionMessageKind.Record) return TryRecord(service, connection, message, now);
        if (connection?[message.Side].Stream is not { } stream) return false;
        switch (message.Kind)
        {
            case ConnectionMessageKind.Data: return stream.Add(message.Offset, message.Value) != AssemblyResult.NoRoom || GiveUp(connection);
            case ConnectionMessageKind.Fin: return stream.Finish(message.Offset) || GiveUp(connection);
            case ConnectionMessageKind.Trim:
                stream.Trim(message.Offset);
                return true;
            default:
                service.Remove(connection);
                return true;
        }
    }

    private bool TryRecord(ServiceConnections service, LiveConnection? connection, in ConnectionMessage message, Timestamp now)
    {
        if (!SocketRecord.TryRead(message.Value[..SocketRecord.Bytes], out SocketRecord record)) return false;
        long recordedAt = BinaryPrimitives.ReadInt64BigEndian(message.Value[SocketRecord.Bytes..]);
        service.HearClock(recordedAt, now);
        if (connection is null)
        {
            if (service.All.Count >= MostConnections) return false;
            connection = service.Add(message.Connection);
            Counters.Recorded++;
        }
        ConnectionSide side = connection[message.Side];
        bool isKnown = side.Record is { } known && known with { Timestamp = record.Timestamp } == record && side.Stream!.End >= message.Offset;
        if (isKnown)
        {
            side.Stream!.Trim(message.Offset);
        }
        else
        {
            side.Stream?.Dispose();
            side.Stream = new StreamAssembly(_memory, message.Offset);
        }
        (side.Record, side.RecordedAt) = (record, recordedAt);
        connection.Term = message.Term;
        return true;
    }

    // A hole that nobody will fill: going on with it would hang its peers.
    private bool GiveUp(LiveConnection connection)
    {
        connection.Service.Remove(connection);
        Counters.Lost++;
        return false;
    }

    private void Confirm(ServiceConnections service)
    {
        ulong confirmed = service.ConfirmedThrough(_group.Members, out _);
        if (confirmed == 0 || !IsServing(Array.IndexOf(_services, service))) return;
        _hold.Release(service, confirmed);
        while (service.TryTakeRecorded(confirmed, out LiveConnection? connection))
            if (!connection!.IsGone) Tell(connection);
    }

    private void Verify(Timestamp now)
    {
        _verifyAt = now + VerifyInterval;
        if (_hold.Rules.Verify()) return;
        Counters.RulesRestored++;
        NodeLog.Warning(_log, $"the packet filter's table '{_hold.Rules.Table}' was changed or flushed by another program: segments passed unmirrored meanwhile; it is put back");
        try
        {
            _hold.Rules.Install(_rules);
        }
        catch (TakeoverSetupException refused)
        {
            NodeLog.Warning(_log, refused.Message);
        }
    }

    private static IEnumerable<HoldRule> RulesOf(ApplianceConfiguration configuration)
    {
        foreach (ListenerOptions listener in configuration.Listeners.Where(static listener => listener.Survives))
        {
            ServiceOptions service = configuration.Services.First(service => service.Name == listener.Service);
            foreach (IPAddress address in service.Addresses) yield return new HoldRule(address, listener.Port, null, 0);
            foreach (BackendServer server in configuration.Backends.First(backend => backend.Name == listener.Backend).Servers)
                if (listener.SourceFor(server.EndPoint.AddressFamily, service) is { } source) yield return new HoldRule(source, 0, server.EndPoint.Address, server.EndPoint.Port);
        }
    }
}

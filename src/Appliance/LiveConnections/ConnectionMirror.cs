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

    // The clock of the timestamps is kept to a millisecond or two between so many.
    private static readonly TimeSpan ClockInterval = TimeSpan.FromSeconds(1);

    // Somebody may flush the packet filter.
    private static readonly TimeSpan VerifyInterval = TimeSpan.FromSeconds(1);

    // Beyond the message itself: its frame, and packing losses.
    private const int WindowReserveBytes = ServicePublisher.WindowReserveBytes;
    private const int ChunkBytes = 32 << 10;

    private readonly ServiceConnections?[] _services;
    private readonly Dictionary<IpAddressBytes, ServiceConnections> _byAddress = [];
    private readonly IGroup _group;
    private readonly PacketHold _hold;
    private HoldRule[] _rules;
    private readonly ILogger _log;
    private readonly AssemblyMemory _memory;
    private readonly Queue<LiveConnection> _behind = new();
    private readonly byte[] _message = new byte[ConnectionMessage.HeaderBytes + ChunkBytes];
    private readonly EventLoop _loop;
    private Timestamp _trimAt, _clockAt, _verifyAt;
    private bool _hasWaiting;

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
        _hold = PacketHold.Open(loop, this, configuration.Node.Id);
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

    private long NowMilliseconds => EventLoop.ReadClock().Nanoseconds / 1_000_000;

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
            if (service is { IsPrimary: true }) PublishAll(service);
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
        PublishBehind();
        _hold.Resume();
    }

    /// <summary>One message of a stream.</summary>
    internal void Apply(ReadOnlySpan<byte> bytes)
    {
        if (!ConnectionMessage.TryParse(bytes, out ConnectionMessage message) || Find(message.Service) is not { } service || !TryApply(service, message)) Counters.Ignored++;
    }

    /// <summary>A socket of an address of ours may say that a connection is over: this node has the lease.</summary>
    internal bool MaySpeak(in IpAddressBytes local) => _byAddress.TryGetValue(local, out ServiceConnections? service) && service.IsPrimary && IsServing(Array.IndexOf(_services, service));

    /// <summary>Whether a segment's message can be published now, and everything before it was.</summary>
    internal bool CanPublish(LiveConnection connection, ConnectionSide side, int bytes) =>
        !connection.IsBehind && side.PublishedThrough >= 0 && _group.PublishableBytes >= bytes + 2L * ConnectionMessage.HeaderBytes + WindowReserveBytes;

    /// <summary>Publishes bytes of a stream that were added to it.</summary>
    /// <param name="connection">Whose.</param>
    /// <param name="number">Which side sent them.</param>
    /// <param name="offset">Where they begin.</param>
    /// <param name="message">Room for the message's head, then the bytes.</param>
    internal void PublishData(LiveConnection connection, int number, long offset, Span<byte> message)
    {
        ConnectionSide side = connection[number];
        if (!Publishes(connection.Service))
        {
            side.PublishedThrough = side.Stream!.End;
            return;
        }
        Publish(connection, ConnectionMessageKind.Data, number, offset, message);
        // Behind a hole that was just filled stands what a member that came meanwhile has not got: it is published again.
        long end = offset + message.Length - ConnectionMessage.HeaderBytes;
        if (end <= side.PublishedThrough) return;
        if (offset <= side.PublishedThrough) side.PublishedThrough = end;
        if (side.PublishedThrough < side.Stream!.End) PublishLater(connection);
    }

    /// <summary>Publishes the end of a stream.</summary>
    internal void PublishFin(LiveConnection connection, int side)
    {
        if (Publishes(connection.Service)) Publish(connection, ConnectionMessageKind.Fin, side, connection[side].Stream!.FinAt, _message.AsSpan(0, ConnectionMessage.HeaderBytes));
    }

    /// <summary>A segment waits for confirmation: looked at when the round ends, for nobody may be there to confirm it.</summary>
    internal void NoteWaiting() => _hasWaiting = true;

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        PublishClosing();
        PublishBehind();
        if (_behind.Count == 0) _hold.Resume();
        if (_hasWaiting)
        {
            _hasWaiting = false;
            OnProgress();
        }
        if (now < _trimAt) return;
        _trimAt = now + TrimInterval;
        if (_hold.HasParked) _hold.LookAgain(now);
        foreach (ServiceConnections? service in _services)
            if (service is { IsPrimary: true }) Tend(service, now);
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

    // Nobody listens, and nobody who does not listen may be elected.
    private bool Publishes(ServiceConnections service)
    {
        _ = service.ConfirmedThrough(_group.Members, out bool isAlone);
        if (!isAlone) return true;
        IReadOnlyList<GroupMember> members = _group.Members;
        for (int i = 0; i < members.Count; i++)
            if (members[i] is { Role: MemberRole.Data, State: MemberState.Live }) return true;
        return false;
    }

    private void Publish(LiveConnection connection, ConnectionMessageKind kind, int side, long offset, Span<byte> message)
    {
        ServiceConnections service = connection.Service;
        ConnectionMessage.WriteHeader(message, kind, side, service.Id, service.Term, connection.Number, offset);
        if (_group.TryPublish(message, PublishOptions.AcknowledgeNow, out ulong sequence)) service.Published = sequence;
        else throw new InvalidOperationException("the group refused a message for which it had room");
    }

    private void PublishAll(ServiceConnections service)
    {
        foreach (LiveConnection connection in service.All)
        {
            connection.Front.PublishedThrough = connection.Back.PublishedThrough = -1;
            PublishLater(connection);
        }
        service.MustSettle = true;
        _clockAt = default;
    }

    private void PublishLater(LiveConnection connection)
    {
        if (connection.IsBehind) return;
        connection.IsBehind = true;
        _behind.Enqueue(connection);
    }

    private void PublishBehind()
    {
        while (_behind.TryPeek(out LiveConnection? connection))
        {
            bool isOver = connection.IsGone || connection.IsPlain || !connection.Service.IsPrimary;
            if (!isOver && !TryPublishState(connection)) return;
            _behind.Dequeue();
            connection.IsBehind = false;
            if (isOver || !connection.AwaitsRecord || (connection.Back.Record is null && connection.Restored is null)) continue;
            connection.AwaitsRecord = false;
            connection.Service.Wait(connection, connection.Service.Published);
            _hasWaiting = true;
        }
        foreach (ServiceConnections? service in _services)
            if (service is { MustSettle: true, IsPrimary: true }) Settle(service);
    }

    private void Settle(ServiceConnections service)
    {
        Span<byte> message = _message.AsSpan(0, ConnectionMessage.HeaderBytes);
        ConnectionMessage.WriteHeader(message, ConnectionMessageKind.Settled, 0, service.Id, service.Term, 0, 0);
        if (_group.PublishableBytes < WindowReserveBytes || !_group.TryPublish(message, PublishOptions.None, out ulong sequence)) return;
        service.Published = sequence;
        service.MustSettle = false;
    }

    private bool TryPublishState(LiveConnection connection)
    {
        bool publishes = Publishes(connection.Service);
        for (int number = 0; number < 2; number++)
        {
            ConnectionSide side = connection[number];
            if (side.Record is not { } record) continue;
            StreamAssembly stream = side.Stream!;
            if (!publishes)
            {
                side.PublishedThrough = stream.End;
                continue;
            }
            if (_group.PublishableBytes < _message.Length + 3L * WindowReserveBytes) return false;
            if (side.PublishedThrough < 0)
            {
                Span<byte> message = _message.AsSpan(0, ConnectionMessage.HeaderBytes + ConnectionMessage.RecordBytes);
                record.Write(message[ConnectionMessage.HeaderBytes..]);
                BinaryPrimitives.WriteInt64BigEndian(message[(ConnectionMessage.HeaderBytes + SocketRecord.Bytes)..], side.RecordedAt);
                Publish(connection, ConnectionMessageKind.Record, number, stream.Base, message);
                side.PublishedThrough = stream.Base;
            }
            side.PublishedThrough = Math.Max(side.PublishedThrough, stream.Base);
            while (side.PublishedThrough < stream.End)
            {
                if (_group.PublishableBytes < _message.Length + 3L * WindowReserveBytes) return false;
                ReadOnlySpan<byte> piece = stream.Read(side.PublishedThrough);
                piece = piece[..Math.Min(piece.Length, ChunkBytes)];
                piece.CopyTo(_message.AsSpan(ConnectionMessage.HeaderBytes));
                Publish(connection, ConnectionMessageKind.Data, number, side.PublishedThrough, _message.AsSpan(0, ConnectionMessage.HeaderBytes + piece.Length));
                side.PublishedThrough += piece.Length;
            }
            if (stream.FinAt >= 0) Publish(connection, ConnectionMessageKind.Fin, number, stream.FinAt, _message.AsSpan(0, ConnectionMessage.HeaderBytes));
        }
        return true;
    }

    private void Tend(ServiceConnections service, Timestamp now)
    {
        bool publishes = Publishes(service);
        Span<byte> message = _message.AsSpan(0, ConnectionMessage.HeaderBytes);
        if (now >= _clockAt && publishes && service.All.Count > 0 && _group.PublishableBytes >= WindowReserveBytes)
        {
            _clockAt = now + ClockInterval;
            ConnectionMessage.WriteHeader(message, ConnectionMessageKind.Clock, 0, service.Id, service.Term, 0, NowMilliseconds);
            if (_group.TryPublish(message, PublishOptions.None, out ulong sequence)) service.Published = sequence;
        }
        for (int i = 0; i < service.All.Count; i++)
        {
            LiveConnection connection = service.All[i];
            if (connection.IsPlain) continue;
            for (int number = 0; number < 2; number++)
            {
                ConnectionSide side = connection[number];
                long acknowledged = side.Acknowledged;
                if (side.Stream is not { } stream || acknowledged <= stream.Base) continue;
                stream.Trim(acknowledged);
                if (!publishes || side.PublishedThrough < 0 || _group.PublishableBytes < WindowReserveBytes) continue;
                ConnectionMessage.WriteHeader(message, ConnectionMessageKind.Trim, number, service.Id, service.Term, connection.Number, stream.Base);
                if (_group.TryPublish(message, PublishOptions.None, out ulong sequence)) service.Published = sequence;
            }
        }
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

using System.Buffers.Binary;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.State;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <summary>What a primary tells the other data members of its live connections: records, streams, ends (docs/takeover.md). What the group's window has no room for waits here, in order. Loop thread of the node.</summary>
internal sealed class ConnectionPublisher(IGroup group, ServiceConnections?[] services)
{
    // The clock of the timestamps is kept to a millisecond or two between so many.
    private static readonly TimeSpan ClockInterval = TimeSpan.FromSeconds(1);

    // Beyond the message itself: its frame, and packing losses.
    private const int WindowReserveBytes = ServicePublisher.WindowReserveBytes;
    private const int ChunkBytes = 32 << 10;

    private readonly Queue<LiveConnection> _behind = new();
    private readonly Queue<(ServiceConnections Service, uint Number)> _closing = new();
    private readonly byte[] _message = new byte[ConnectionMessage.HeaderBytes + ChunkBytes];
    private Timestamp _clockAt;

    /// <summary>This node's clock, as it is told while it is the primary.</summary>
    internal static long ClockMilliseconds => EventLoop.ReadClock().Nanoseconds / 1_000_000;

    /// <summary>Nothing waits for room.</summary>
    internal bool IsUpToDate => _behind.Count == 0;

    /// <summary>Something waits for confirmation: looked at when the round ends, for nobody may be there to confirm it.</summary>
    internal bool HasWaiting { get; set; }

    /// <summary>Whether a segment's message can be published now, and everything before it was.</summary>
    internal bool CanPublish(LiveConnection connection, ConnectionSide side, int bytes) =>
        !connection.IsBehind && side.PublishedThrough >= 0 && group.PublishableBytes >= bytes + 2L * ConnectionMessage.HeaderBytes + WindowReserveBytes;

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

    /// <summary>Tells of all connections of a service, from the beginning.</summary>
    internal void PublishAll(ServiceConnections service)
    {
        foreach (LiveConnection connection in service.All)
        {
            connection.Front.PublishedThrough = connection.Back.PublishedThrough = -1;
            PublishLater(connection);
        }
        service.MustSettle = true;
        _clockAt = default;
    }

    /// <summary>Tells of a connection what was not told yet, when there is room.</summary>
    internal void PublishLater(LiveConnection connection)
    {
        if (connection.IsBehind) return;
        connection.IsBehind = true;
        _behind.Enqueue(connection);
    }

    /// <summary>Publishes what could not be published before, as far as there is room.</summary>
    internal void PublishBehind()
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
            HasWaiting = true;
        }
        foreach (ServiceConnections? service in services)
            if (service is { MustSettle: true, IsPrimary: true }) service.MustSettle = !TryTell(service, ConnectionMessageKind.Settled, 0, 0, 0);
    }

    /// <summary>A connection is over: others forget it, and nothing of it is held any more.</summary>
    internal void Forget(LiveConnection connection)
    {
        ServiceConnections service = connection.Service;
        bool isTold = connection.Front.PublishedThrough >= 0 || connection.Back.PublishedThrough >= 0;
        service.Remove(connection);
        if (!isTold || !service.IsPrimary || !Publishes(service)) return;
        _closing.Enqueue((service, connection.Number));
        PublishClosing();
    }

    /// <summary>Tells of the connections that are over, as far as there is room.</summary>
    internal void PublishClosing()
    {
        while (_closing.TryPeek(out (ServiceConnections Service, uint Number) closing) && TryTell(closing.Service, ConnectionMessageKind.Close, 0, closing.Number, 0)) _closing.Dequeue();
    }

    /// <summary>Lets go of what the relay has seen acknowledged, and lets the others do so; tells them the clock.</summary>
    internal void Tend(ServiceConnections service, Timestamp now)
    {
        bool publishes = Publishes(service);
        if (now >= _clockAt && publishes && service.All.Count > 0 && TryTell(service, ConnectionMessageKind.Clock, 0, 0, ClockMilliseconds)) _clockAt = now + ClockInterval;
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
                if (publishes && side.PublishedThrough >= 0) _ = TryTell(service, ConnectionMessageKind.Trim, number, connection.Number, stream.Base); // the next one says as much
            }
        }
    }

    // Nobody listens, and nobody who does not listen may be elected.
    private bool Publishes(ServiceConnections service)
    {
        _ = service.ConfirmedThrough(group.Members, out bool isAlone);
        if (!isAlone) return true;
        IReadOnlyList<GroupMember> members = group.Members;
        for (int i = 0; i < members.Count; i++)
            if (members[i] is { Role: MemberRole.Data, State: MemberState.Live }) return true;
        return false;
    }

    private void Publish(LiveConnection connection, ConnectionMessageKind kind, int side, long offset, Span<byte> message)
    {
        ServiceConnections service = connection.Service;
        ConnectionMessage.WriteHeader(message, kind, side, service.Id, service.Term, connection.Number, offset);
        if (group.TryPublish(message, PublishOptions.AcknowledgeNow, out ulong sequence)) service.Published = sequence;
        else throw new InvalidOperationException("the group refused a message for which it had room");
    }

    // A message without a value. Answers whether there was room for it.
    private bool TryTell(ServiceConnections service, ConnectionMessageKind kind, int side, uint connection, long offset)
    {
        Span<byte> message = _message.AsSpan(0, ConnectionMessage.HeaderBytes);
        ConnectionMessage.WriteHeader(message, kind, side, service.Id, service.Term, connection, offset);
        if (group.PublishableBytes < WindowReserveBytes || !group.TryPublish(message, PublishOptions.None, out ulong sequence)) return false;
        service.Published = sequence;
        return true;
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
            if (group.PublishableBytes < _message.Length + 3L * WindowReserveBytes) return false;
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
                if (group.PublishableBytes < _message.Length + 3L * WindowReserveBytes) return false;
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
}

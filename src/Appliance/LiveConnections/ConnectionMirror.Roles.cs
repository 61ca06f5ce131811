using Appliance.Host;
using Appliance.Interop;
using Appliance.Listeners.Relay;
using Appliance.Multicast;
using Appliance.TcpStateMirror.Packets;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <content>Connections that begin and end on this node, and services that come and go.</content>
internal sealed partial class ConnectionMirror
{
    /// <summary>Most connections of a service that a node keeps for another: memory for their bytes is limited by itself, this is for what stands around them.</summary>
    private const int MostConnections = 200_000;

    // What a client may have sent before its record: its first window, seldom more.
    private const int MostEarlyBytes = 1 << 20;

    /// <summary>The relay has accepted a connection, and reads nothing from it yet.</summary>
    /// <param name="connection">New.</param>
    /// <param name="descriptor">A duplicate of the client's socket, closed here.</param>
    internal void OnAccepted(LiveConnection connection, int descriptor)
    {
        ServiceConnections service = connection.Service;
        bool hasRoom = _memory.UsedBytes < _memory.LimitBytes / 4 * 3 && service.All.Count < MostConnections;
        connection.IsPlain = !service.IsPrimary || !hasRoom;
        if (!connection.IsPlain) service.Add(connection);
        Record(connection, 0, descriptor);
    }

    /// <summary>The relay has connected to a server, and neither reads nor writes yet; it waits for <see cref="RelayConnection.PostRecorded"/>.</summary>
    internal void OnConnected(LiveConnection connection, int descriptor)
    {
        Record(connection, 1, descriptor);
        if (connection.IsPlain) Tell(connection);
    }

    /// <summary>The relay's part of a connection is over.</summary>
    internal void OnEnded(LiveConnection connection, RelayConnection relay)
    {
        if (connection.Relay != relay) return; // it goes on elsewhere, or here by another
        connection.Relay = null;
        _hold.Remove(connection);
        if (connection.IsGone || connection.IsPlain) return;
        _publisher.Forget(connection);
    }

    /// <inheritdoc/>
    public void Restore(int index, ulong term)
    {
        if (_services[index] is not { } service) return;
        Timestamp now = _group.Now;
        service.Term = Math.Max(term, service.Term);
        service.IsPrimary = true;
        for (int i = service.All.Count - 1; i >= 0; i--)
        {
            LiveConnection connection = service.All[i];
            connection.Term = service.Term;
            if (TryRestore(connection, now, out RestoredConnection? restored)) connection.Restored = restored;
            else GiveUp(connection);
        }
        if (service.All.Count > 0) NodeLog.Note(_log, $"service {service.Name}: {service.All.Count} live connections go on here");
    }

    /// <inheritdoc/>
    public void Resume(int index)
    {
        if (_services[index] is not { } service) return;
        foreach (LiveConnection connection in service.All) connection.AwaitsRecord = true;
        _publisher.PublishAll(service);
        _publisher.PublishBehind();
    }

    /// <inheritdoc/>
    public void StandDown(int index)
    {
        if (_services[index] is not { IsPrimary: true } service) return;
        service.IsPrimary = false;
        service.Clock = (ConnectionPublisher.ClockMilliseconds, _group.Now);
        _hold.Drop(service);
        service.ForgetRecorded();
        foreach (LiveConnection connection in service.All)
        {
            _hold.Remove(connection);
            connection.Relay = null;
            connection.AwaitsRecord = false;
            if (connection.Restored is not { } restored) continue;
            Sockets.Close(restored.FrontDescriptor); // in repair mode: silent
            if (restored.BackDescriptor >= 0) Sockets.Close(restored.BackDescriptor);
            connection.Restored = null;
        }
    }

    private void Record(LiveConnection connection, int number, int descriptor)
    {
        SocketRecord record = default;
        int error = descriptor < 0 ? descriptor : SocketRecord.TryCapture(descriptor, out record);
        if (error == 0)
        {
            ConnectionSide side = connection[number];
            (side.Record, side.RecordedAt) = (record, ConnectionPublisher.ClockMilliseconds);
            side.Stream = new StreamAssembly(_memory);
            if (!connection.IsPlain && !TryTakeEarly(side.Stream, descriptor)) error = -Sockets.NoBuffers;
            _hold.Add(record.Key, connection, number);
        }
        if (descriptor >= 0) Sockets.Close(descriptor);
        if (error != 0 && !connection.IsPlain)
        {
            connection.IsPlain = true;
            _publisher.Forget(connection);
        }
        if (connection.IsPlain)
        {
            if (number == 0) Counters.Plain++;
        }
        else
        {
            if (number == 0) Counters.Recorded++;
            connection.AwaitsRecord = number == 1;
            _publisher.PublishLater(connection);
        }
        _hold.LookAgain(_group.Now);
    }

    // What the kernel has let through and acknowledged before the record.
    private static bool TryTakeEarly(StreamAssembly stream, int descriptor)
    {
        int unread = SocketRecord.Unread(descriptor);
        if (unread == 0) return true;
        if (unread is < 0 or > MostEarlyBytes) return false;
        byte[] early = GC.AllocateUninitializedArray<byte>(unread);
        return SocketRecord.Peek(descriptor, early) == unread && stream.Add(0, early) == AssemblyResult.Added;
    }

    private bool TryRestore(LiveConnection connection, Timestamp now, out RestoredConnection? restored)
    {
        restored = null;
        ConnectionSide front = connection.Front, back = connection.Back;
        if (front.Record is null || front.Stream is null) return false;
        bool hasBack = back.Record is not null;
        back.Stream ??= new StreamAssembly(_memory);
        foreach (ConnectionSide side in hasBack ? (ReadOnlySpan<ConnectionSide>)[front, back] : [front])
        {
            long elapsed = connection.Service.PrimaryMilliseconds(now) - side.RecordedAt;
            side.Record = side.Record!.Value with { Timestamp = side.Record.Value.Timestamp + (uint)Math.Max(elapsed, 0) + SocketRestore.TimestampReserve };
            side.RecordedAt = ConnectionPublisher.ClockMilliseconds;
            side.Acknowledged = side.Stream!.Base;
        }
        SocketRecord record = front.Record.Value;
        int frontDescriptor = SocketRestore.TryMake(record, front.Stream, back.Stream);
        if (frontDescriptor < 0) return CannotRestore(record, -frontDescriptor);
        int backDescriptor = -1;
        if (hasBack)
        {
            backDescriptor = SocketRestore.TryMake(back.Record!.Value, back.Stream, front.Stream);
            if (backDescriptor < 0)
            {
                Sockets.Close(frontDescriptor); // in repair mode: silent
                return CannotRestore(back.Record.Value, -backDescriptor);
            }
            _hold.Add(back.Record.Value.Key, connection, 1);
        }
        _hold.Add(record.Key, connection, 0);
        restored = new RestoredConnection(
            connection, Format(record.Key.Remote, record.Key.RemotePort), Format(record.Key.Local, record.Key.LocalPort), hasBack ? Format(back.Record!.Value.Key.Remote, back.Record.Value.Key.RemotePort) : default,
            frontDescriptor, backDescriptor, front.Stream.IsFinished, back.Stream.IsFinished, back.Stream.End, front.Stream.End);
        return true;
    }

    private bool CannotRestore(in SocketRecord record, int error)
    {
        NodeLog.Warning(_log, $"the connection between {record.Key.Local}:{record.Key.LocalPort} and {record.Key.Remote}:{record.Key.RemotePort} cannot go on here: errno {error}");
        return false;
    }

    // Both records are elsewhere: the relay may begin, or go on.
    private void Tell(LiveConnection connection)
    {
        if (connection.Restored is not { } restored)
        {
            connection.Relay?.PostRecorded();
            return;
        }
        connection.Restored = null;
        int error = SocketRestore.Release(restored.FrontDescriptor);
        if (error == 0 && restored.BackDescriptor >= 0) error = SocketRestore.Release(restored.BackDescriptor);
        if (error < 0) NodeLog.Warning(_log, $"a connection of {restored.Client.ToEndPoint()} was restored and does not speak: errno {-error}");
        Counters.Restored++;
        Adopt([restored]);
    }

    private static SocketAddressBytes Format(in IpAddressBytes address, ushort port)
    {
        Span<byte> bytes = stackalloc byte[16];
        return SocketAddressBytes.Of(bytes[..address.CopyTo(bytes)], port);
    }
}

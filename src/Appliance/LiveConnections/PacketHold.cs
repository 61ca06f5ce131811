using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.TcpStateMirror.Packets;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.LiveConnections;

/// <summary>
/// The segments that the kernel holds for live connections: each waits until whoever may take over has its bytes (docs/takeover.md). The path of a segment neither allocates nor locks. Loop thread of the node.
/// </summary>
internal sealed class PacketHold : IReadinessHandler, IDisposable
{
    /// <summary>Segments that may be held at once; what comes then is dropped and repeated.</summary>
    internal const int MostPackets = 8192;

    // Other descriptors of the loop have their turn after so many.
    private const int PacketsPerTurn = 64;

    // A group's packets wait under numbers of their own; another node on the same host takes the next pair.
    private const ushort FirstQueue = 20816;
    private const int QueuePairs = 32;

    private readonly EventLoop _loop;
    private readonly ConnectionMirror _mirror;
    private readonly ConnectionPublisher _publisher;
    private readonly PacketQueue _arriving, _leaving;
    private readonly LeavingQueue _leavingHandler;
    private readonly Dictionary<ConnectionKey, (LiveConnection Connection, int Side)> _byKey = [];
    private readonly ParkedPackets _parked = new();
    private readonly byte[] _stalled = new byte[1 << 16];
    private int _stalledBytes;
    private uint _stalledId;

    private PacketHold(EventLoop loop, ConnectionMirror mirror, ConnectionPublisher publisher, PacketQueue arriving, PacketQueue leaving, string owner)
    {
        _loop = loop;
        _mirror = mirror;
        _publisher = publisher;
        _arriving = arriving;
        _leaving = leaving;
        _leavingHandler = new LeavingQueue(this);
        Rules = new HoldRules(owner, arriving.Number, leaving.Number);
        loop.Register(arriving.Descriptor, Readiness.Read, this);
        loop.Register(leaving.Descriptor, Readiness.Read, _leavingHandler);
    }

    /// <summary>The packet filter's rules.</summary>
    internal HoldRules Rules { get; }

    /// <summary>Segments whose connection is not known yet.</summary>
    internal bool HasParked => _parked.Count > 0;

    /// <summary>Takes two queues of the kernel.</summary>
    /// <exception cref="TakeoverSetupException">The kernel refused, or all are taken.</exception>
    internal static PacketHold Open(EventLoop loop, ConnectionMirror mirror, ConnectionPublisher publisher, string owner)
    {
        for (int pair = 0; pair < QueuePairs; pair++)
        {
            ushort number = (ushort)(FirstQueue + 2 * pair);
            if (!PacketQueue.TryOpen(number, MostPackets, out PacketQueue? arriving)) continue;
            if (PacketQueue.TryOpen((ushort)(number + 1), MostPackets, out PacketQueue? leaving)) return new PacketHold(loop, mirror, publisher, arriving!, leaving!, owner);
            arriving!.Dispose();
        }
        throw new TakeoverSetupException($"packets cannot be held: the queues {FirstQueue} to {FirstQueue + 2 * QueuePairs - 1} are all taken by other programs");
    }

    /// <summary>Segments for a socket belong to a connection from now on.</summary>
    internal void Add(in ConnectionKey key, LiveConnection connection, int side) => _byKey[key] = (connection, side);

    /// <summary>They do no longer.</summary>
    internal void Remove(LiveConnection connection)
    {
        for (int side = 0; side < 2; side++)
            if (connection[side].Record is { } record && _byKey.TryGetValue(record.Key, out var known) && known.Connection == connection) _byKey.Remove(record.Key);
    }

    /// <summary>Looks again at segments whose connection was not known.</summary>
    internal void LookAgain(Timestamp now)
    {
        for (int left = _parked.Count; left > 0 && _stalledBytes == 0; left--)
        {
            ParkedPackets.Entry entry = _parked.Take();
            bool isKnown = HeldSegment.TryRead(entry.Datagram, entry.IsUnverified, out HeldSegment segment) && _byKey.ContainsKey(segment.Key);
            if (!isKnown && now < entry.Until)
            {
                _parked.PutBack(entry);
                continue;
            }
            if (!isKnown) LetGo(entry.Id);
            else Handle(entry.Id, entry.Datagram, entry.IsUnverified);
            _parked.Free(entry);
        }
        _arriving.Flush();
    }

    /// <summary>Lets go what is confirmed.</summary>
    internal void Release(ServiceConnections service, ulong confirmed)
    {
        while (service.TryTakePacket(confirmed, out uint packet)) _arriving.Decide(packet, accept: true);
        _arriving.Flush();
    }

    /// <summary>Drops what waits: another node goes on with these connections.</summary>
    internal void Drop(ServiceConnections service)
    {
        while (service.TryTakePacket(ulong.MaxValue, out uint packet)) Drop(packet);
        _arriving.Flush();
    }

    /// <summary>The group takes messages again.</summary>
    internal void Resume()
    {
        if (_stalledBytes == 0) return;
        int bytes = _stalledBytes;
        _stalledBytes = 0;
        Handle(_stalledId, _stalled.AsSpan(0, bytes), isUnverified: false); // it was verified when it came
        if (_stalledBytes == 0) _loop.Change(_arriving.Descriptor, Readiness.Read);
        _arriving.Flush();
    }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        for (int i = 0; i < PacketsPerTurn && _stalledBytes == 0 && _arriving.TryReceive(out QueuedPacket packet); i++)
        {
            if (packet.IsCut) Drop(packet.Id);
            else Handle(packet.Id, packet.Datagram, packet.IsUnverified);
        }
        _arriving.Flush();
    }

    /// <summary>Gives the queues back and removes the rules.</summary>
    public void Dispose()
    {
        _loop.Unregister(_arriving.Descriptor);
        _loop.Unregister(_leaving.Descriptor);
        Rules.Dispose();
        _arriving.Dispose();
        _leaving.Dispose();
        _parked.Dispose();
    }

    private void Handle(uint id, Span<byte> datagram, bool isUnverified)
    {
        if (!HeldSegment.TryRead(datagram, isUnverified, out HeldSegment segment)) Drop(id);
        else if ((segment.Flags & (TcpFlags.Syn | TcpFlags.Rst)) != 0) _arriving.Decide(id, accept: true);
        else if (!_byKey.TryGetValue(segment.Key, out (LiveConnection Connection, int Side) known)) Park(id, datagram, isUnverified);
        else if (known.Connection.IsPlain) LetGo(id);
        else Hold(id, datagram, segment, known.Connection, known.Side);
    }

    private void Hold(uint id, Span<byte> datagram, in HeldSegment segment, LiveConnection connection, int number)
    {
        ConnectionSide side = connection[number];
        StreamAssembly stream = side.Stream!;
        if (!_publisher.CanPublish(connection, side, segment.PayloadBytes))
        {
            datagram.CopyTo(_stalled);
            (_stalledBytes, _stalledId) = (datagram.Length, id);
            _loop.Change(_arriving.Descriptor, Readiness.None);
            return;
        }
        // Sequence numbers wrap; what the peer sends now lies within half their range of what came last.
        long offset = stream.End + (int)(segment.Sequence - (side.Record!.Value.FirstReceived + (uint)stream.End));
        int skipped = (int)Math.Clamp(-offset, 0, segment.PayloadBytes);
        Span<byte> payload = datagram.Slice(segment.PayloadStart + skipped, segment.PayloadBytes - skipped);
        if (!payload.IsEmpty)
        {
            AssemblyResult result = stream.Add(offset + skipped, payload);
            if (result == AssemblyResult.NoRoom)
            {
                Drop(id);
                return;
            }
            // The headers are not needed any more: the message's head is written over them.
            if (result == AssemblyResult.Added) _publisher.PublishData(connection, number, offset + skipped, datagram.Slice(segment.PayloadStart + skipped - ConnectionMessage.HeaderBytes, ConnectionMessage.HeaderBytes + payload.Length));
        }
        if ((segment.Flags & TcpFlags.Fin) != 0 && !TakeFin(connection, number, offset + segment.PayloadBytes))
        {
            Drop(id);
            return;
        }
        _mirror.Counters.Held++;
        connection.Service.Wait(id, connection.Service.Published);
        _publisher.HasWaiting = true;
    }

    private bool TakeFin(LiveConnection connection, int side, long offset)
    {
        StreamAssembly stream = connection[side].Stream!;
        bool isNew = stream.FinAt < 0;
        if (offset < 0 || !stream.Finish(offset)) return false;
        if (isNew) _publisher.PublishFin(connection, side);
        return true;
    }

    private void Park(uint id, ReadOnlySpan<byte> datagram, bool isUnverified)
    {
        if (!_parked.TryAdd(id, datagram, isUnverified, _loop.Now)) LetGo(id);
    }

    // Of no live connection: the kernel answers as it does.
    private void LetGo(uint id)
    {
        _mirror.Counters.Unprotected++;
        _arriving.Decide(id, accept: true);
    }

    private void Drop(uint id)
    {
        _mirror.Counters.Dropped++;
        _arriving.Decide(id, accept: false);
    }

    // FIN and RST of this node's sockets. That anybody reads the queue is the point: with the process they wait in vain.
    private void Approve()
    {
        for (int i = 0; i < PacketsPerTurn && _leaving.TryReceive(out QueuedPacket packet); i++)
        {
            bool speaks = HeldSegment.TryRead(packet.Datagram, verify: false, out HeldSegment segment) && _mirror.MaySpeak(segment.Key.Remote);
            if (speaks) _mirror.Counters.Approved++;
            _leaving.Decide(packet.Id, speaks);
        }
        _leaving.Flush();
    }

    private sealed class LeavingQueue(PacketHold hold) : IReadinessHandler
    {
        public void OnReady(Readiness ready) => hold.Approve();
    }
}

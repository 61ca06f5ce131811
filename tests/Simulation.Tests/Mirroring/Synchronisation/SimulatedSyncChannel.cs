using Appliance.State;

namespace Appliance.Tests.Simulation.Mirroring.Synchronisation;

/// <summary>One channel: requests go to the life that now runs on the server's node, answers come back one message at a time.</summary>
internal sealed class SimulatedSyncChannel : ISyncChannel
{
    private const long Millisecond = 1_000_000;
    private const int MostInFlight = 4;
    private readonly SyncNetwork _network;
    private readonly MirrorApplication _client;
    private readonly int _serverNode;
    private readonly ISyncChannelHandler _handler;
    private readonly Queue<byte[]> _requests = new();
    private readonly Queue<(long At, byte[]? Message)> _arriving = new();
    private readonly long _patience;
    private readonly long _nanosecondsPerByte;
    private readonly long _latency;
    private MirrorApplication? _server;
    private SyncServerSession? _session;
    private long _stalledSince = long.MaxValue;
    private bool _isScheduled = true;
    private bool _isBroken;
    private bool _isClosed;

    internal SimulatedSyncChannel(SyncNetwork network, int slot, int number, MirrorApplication client, int serverNode, ISyncChannelHandler handler)
    {
        _network = network;
        Slot = slot;
        Number = number;
        _client = client;
        _serverNode = serverNode;
        _handler = handler;
        _patience = network.Random.Between(300L, 3000) * Millisecond;
        _nanosecondsPerByte = network.Random.Chance(0.3) ? network.Random.Between(100L, 5_000) : 8;
        _latency = network.Random.Chance(0.5) ? network.Random.Between(5L, 300) * Millisecond : 0;
        client.Channels.Add(this);
    }

    /// <summary>Where it stands among all channels.</summary>
    internal int Slot { get; }

    /// <summary>Unlike that of any other channel.</summary>
    internal int Number { get; }

    /// <summary>Index of the asking node.</summary>
    internal int ClientNode => _client.Node.Index;

    /// <summary>When the next message is there for the client's loop; the largest number for none.</summary>
    internal long NextArrival => _arriving.TryPeek(out (long At, byte[]? Message) first) ? first.At : long.MaxValue;

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<byte> message)
    {
        if (_isClosed || _isBroken) return;
        _requests.Enqueue(message.ToArray());
        Continue(_network.Now + _network.Delay(ClientNode, _serverNode));
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (_isClosed) return;
        _isClosed = true;
        _client.Channels.Remove(this);
        _network.Release(this);
    }

    /// <summary>Hands one message that has arrived to the client's loop.</summary>
    /// <returns>True when there was one.</returns>
    internal bool Deliver(long now)
    {
        if (_isClosed || NextArrival > now) return false;
        byte[]? message = _arriving.Dequeue().Message;
        if (message is null)
        {
            Close();
            _handler.OnClosed(this);
            return true;
        }
        _handler.OnMessage(this, message);
        if (!_isClosed && !_isBroken) Continue(now);
        return true;
    }

    /// <summary>Goes on at the server's end.</summary>
    internal void Step()
    {
        _isScheduled = false;
        if (_isClosed || _isBroken) return;
        MirrorApplication? running = _network.RunningOn(_serverNode);
        bool passes = _network.Passes(ClientNode, _serverNode);
        if (passes && (running is null || (_server is not null && running != _server)))
        {
            Break(); // nobody listens, or whoever took the connection is dead
            return;
        }
        if (!passes || running!.Node.Frozen > 0)
        {
            Stall();
            return;
        }
        _stalledSince = long.MaxValue;
        _server = running;
        _session ??= running.Mirror.CreateServerSession();
        Serve();
    }

    private void Serve()
    {
        while (_requests.TryDequeue(out byte[]? request))
        {
            if (_session!.OnRequest(request)) continue;
            Break();
            return;
        }
        if (_arriving.Count >= MostInFlight) return; // goes on when the client has read
        int length = _session!.Produce(_network.Buffer);
        if (length == 0) return;
        long duration = _latency + length * _nanosecondsPerByte;
        Arrive(duration, _network.Buffer.AsSpan(0, length).ToArray());
        Continue(_network.Now + duration);
    }

    private void Stall()
    {
        if (_stalledSince == long.MaxValue) _stalledSince = _network.Now;
        if (_network.Now - _stalledSince >= _patience) Break();
        else Continue(_network.Now + 50 * Millisecond); // what was sent is sent again
    }

    private void Break()
    {
        _isBroken = true;
        _network.CountBroken();
        Arrive(0, null);
    }

    private void Arrive(long duration, byte[]? message)
    {
        long at = _network.Now + duration + _network.Delay(_serverNode, ClientNode);
        _arriving.Enqueue((at, message));
        _client.Node.Wake(at);
    }

    private void Continue(long time)
    {
        if (_isScheduled) return;
        _isScheduled = true;
        _network.Schedule(this, time);
    }
}

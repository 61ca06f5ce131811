using System.Collections.Concurrent;
using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.State;

/// <summary>One channel of a <see cref="SealedSyncTransport"/>: a thread sends the requests and receives the answers into a few buffers; when they are full, TCP makes the server wait.</summary>
internal sealed class SealedSyncChannel : ISyncChannel
{
    private const int Buffers = 4;
    private readonly ISyncChannelHandler _handler;
    private readonly SealedConnectionSettings _settings;
    private readonly EventLoop _loop;
    private readonly ConcurrentBag<byte[]> _pool;
    private readonly ConcurrentQueue<byte[]> _requests = new();
    private readonly ConcurrentQueue<(byte[] Buffer, int Bytes)> _received = new();
    private readonly SemaphoreSlim _requestsWaiting = new(0);
    private readonly SemaphoreSlim _buffersFree = new(Buffers);
    private volatile SealedConnection? _connection;
    private volatile bool _closed, _ended;
    private volatile string _failure = "";
    private bool _told;

    internal SealedSyncChannel(GroupMember member, ISyncChannelHandler handler, SealedConnectionSettings settings, EventLoop loop, ConcurrentBag<byte[]> pool)
    {
        _handler = handler;
        _settings = settings;
        _loop = loop;
        _pool = pool;
        IPEndPoint? endPoint = member.SynchronisationEndPoint;
        string name = member.Name;
        new Thread(() => Run(endPoint, name)) { Name = $"sync from {name}", IsBackground = true }.Start();
    }

    /// <summary>Nothing more will come of it, and the handler knows. Loop thread.</summary>
    internal bool IsOver => _closed ? _ended : _told;

    /// <summary>Why it broke.</summary>
    internal string Failure => _failure;

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<byte> message)
    {
        _requests.Enqueue(message.ToArray());
        _requestsWaiting.Release();
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (_closed) return;
        _closed = true;
        _connection?.Abort();
        _requestsWaiting.Release();
        _buffersFree.Release();
    }

    /// <summary>Hands one message to the handler. Loop thread.</summary>
    /// <returns>False when there was none.</returns>
    internal bool DeliverOne()
    {
        if (_received.TryDequeue(out (byte[] Buffer, int Bytes) message))
        {
            if (!_closed) _handler.OnMessage(this, message.Buffer.AsSpan(0, message.Bytes));
            Return(message.Buffer);
            _buffersFree.Release();
            return true;
        }
        if (_closed || !_ended || _told || !_received.IsEmpty) return false;
        _told = true;
        _handler.OnClosed(this);
        return false;
    }

    private void Run(IPEndPoint? endPoint, string name)
    {
        try
        {
            if (endPoint is null) throw new SealedConnectionException(SealedConnectionError.Unreachable, $"{name} has not said where it can be asked");
            using SealedConnection connection = SealedConnection.Connect(endPoint, _settings);
            _connection = connection;
            if (connection.PeerName != name) throw new SealedConnectionException(SealedConnectionError.Unreachable, $"{connection.PeerName} answers at {endPoint}, the address of {name}");
            while (!_closed) Converse(connection);
        }
        catch (SealedConnectionException error)
        {
            if (!_closed) _failure = error.Message;
        }
        _ended = true;
        _loop.Wake();
    }

    // One request, and the messages of its answer.
    private void Converse(SealedConnection connection)
    {
        _requestsWaiting.Wait();
        if (_closed || !_requests.TryDequeue(out byte[]? request)) return;
        connection.Send(request);
        bool ends = false;
        while (!ends)
        {
            _buffersFree.Wait();
            if (_closed) return;
            if (!_pool.TryTake(out byte[]? buffer)) buffer = GC.AllocateUninitializedArray<byte>(_settings.MaxFrameBytes);
            int bytes = connection.Receive(buffer);
            if (bytes == 0) throw new SealedConnectionException(SealedConnectionError.Truncated, $"{connection.PeerName} ended the conversation");
            ends = SyncLimits.EndsAnswer(buffer[0]);
            _received.Enqueue((buffer, bytes));
            _loop.Wake();
        }
    }

    private void Return(byte[] buffer)
    {
        const int kept = 2 * Buffers;
        if (_pool.Count < kept) _pool.Add(buffer);
    }
}

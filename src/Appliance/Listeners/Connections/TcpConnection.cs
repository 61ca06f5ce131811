using Appliance.Interop;
using Appliance.Multicast.Transport;
using Appliance.TcpStateMirror.Takeover;

namespace Appliance.Listeners.Connections;

/// <summary>
/// A TCP socket on an event loop, accepted, connecting or restored: received from and sent to without waiting, each direction ended by itself.
/// Keeps what the peer does not take at once, in one block; whoever writes waits for <see cref="PendingBytes"/> to become 0 first.
/// </summary>
/// <remarks>
/// Loop thread only. Watched edge-triggered, so a wake-up costs no call but the receiving and sending itself; <see cref="IsReadable"/> and
/// <see cref="IsWritable"/> remember what was reported until the kernel says otherwise.
/// </remarks>
internal sealed unsafe class TcpConnection : IConnection, IReadinessHandler
{
    /// <summary>Most bytes that may be pending beside what the relay wrote: a peer that makes this side answer without reading is cut off.</summary>
    private const int MostAppendedBytes = 256 << 10;

    private readonly EventLoop _loop;
    private readonly ConnectionMemory _memory;
    private readonly IConnectionHandler _handler;
    private int _descriptor;
    private NativeBlock _pending;
    private int _pendingStart;
    private int _pendingEnd;
    private bool _readToEnd; // FIN or an error is behind what is read: a short read is not the end of it
    private bool _endRequested;

    /// <param name="loop">Watches the socket from now on.</param>
    /// <param name="memory">Blocks for what the peer does not take.</param>
    /// <param name="descriptor">A non-blocking socket; it belongs to the connection.</param>
    /// <param name="connecting">The socket is not connected yet: <see cref="FinishConnecting"/>.</param>
    /// <param name="handler">Told of every change.</param>
    public TcpConnection(EventLoop loop, ConnectionMemory memory, int descriptor, bool connecting, IConnectionHandler handler)
    {
        _loop = loop;
        _memory = memory;
        _descriptor = descriptor;
        _handler = handler;
        IsConnecting = connecting;
        loop.Register(descriptor, Readiness.Read | Readiness.Write | Readiness.PeerClosed | Readiness.EdgeTriggered, this);
    }

    /// <summary>The end of the connection has not been reported yet.</summary>
    public bool IsConnecting { get; private set; }

    /// <inheritdoc/>
    public bool IsReadable { get; private set; }

    /// <summary>The kernel may take something.</summary>
    public bool IsWritable { get; private set; }

    /// <inheritdoc/>
    public bool InputEnded { get; private set; }

    /// <inheritdoc/>
    public bool OutputEnded { get; private set; }

    /// <inheritdoc/>
    public bool HasFailed { get; private set; }

    /// <summary>FIN or an error has come, though there may be something to receive before it.</summary>
    public bool PeerHasEnded => _readToEnd;

    /// <summary>The socket; negative once it is closed.</summary>
    public int Descriptor => _descriptor;

    /// <summary>Closed or reset by this side.</summary>
    public bool IsClosed => _descriptor < 0;

    /// <inheritdoc/>
    public int PendingBytes => _pendingEnd - _pendingStart;

    /// <inheritdoc/>
    public long BytesReceived { get; private set; }

    /// <inheritdoc/>
    public long BytesSent { get; private set; }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        const Readiness failure = Readiness.Error | Readiness.HangUp;
        if ((ready & (Readiness.Read | Readiness.PeerClosed | failure)) != 0 && !InputEnded) IsReadable = true;
        if ((ready & (Readiness.PeerClosed | failure)) != 0) _readToEnd = true;
        if ((ready & (Readiness.Write | failure)) != 0) IsWritable = true;
        if ((ready & Readiness.Error) != 0) HasFailed = true;
        _handler.OnReady(this);
    }

    /// <summary>Ends connecting after <see cref="IsWritable"/> was reported.</summary>
    /// <returns>0, or the errno with which the peer or the network refused.</returns>
    public int FinishConnecting()
    {
        int error = Sockets.TakeError(_descriptor);
        IsConnecting = false;
        return error;
    }

    /// <inheritdoc/>
    public int Receive(int maxBytes) => Receive(_memory.Input, maxBytes);

    /// <inheritdoc/>
    public int Receive(byte* destination, int maxBytes)
    {
        int received = Sockets.Receive(_descriptor, destination, maxBytes);
        if (received > 0)
        {
            BytesReceived += received;
            if (received < maxBytes && !_readToEnd) IsReadable = false; // epoll(7), question 9: a short read has emptied the queue
            return received;
        }
        if (received == 0)
        {
            InputEnded = true;
            IsReadable = false;
            return 0;
        }
        if (-received is Sockets.TryAgain or Sockets.Interrupted)
        {
            IsReadable = -received == Sockets.Interrupted;
            return -Sockets.TryAgain;
        }
        IsReadable = false;
        HasFailed = true;
        return received;
    }

    /// <summary>Copies the beginning of what is there to <see cref="ConnectionMemory.Input"/> without taking it. The same answers as <see cref="Receive(int)"/>.</summary>
    public int Peek(int maxBytes)
    {
        IsReadable = false; // whatever is still there, more of it is another report
        int peeked = Sockets.Peek(_descriptor, _memory.Input, maxBytes);
        return -peeked == Sockets.Interrupted ? -Sockets.TryAgain : peeked;
    }

    /// <summary>Takes bytes that <see cref="Peek"/> has shown; they are not counted as received.</summary>
    public void Skip(int bytes)
    {
        _ = Sockets.Receive(_descriptor, _memory.Input, bytes); // they are in the kernel's queue: it cannot give less
        IsReadable = true;
    }

    /// <inheritdoc/>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        if (PendingBytes > 0) return Append(bytes);
        int sent = 0;
        if (IsWritable)
        {
            fixed (byte* start = bytes) sent = Send(start, bytes.Length);
            if (sent < 0) return false;
        }
        if (sent == bytes.Length) return true;
        if (!_memory.Pool.TryRent(bytes.Length - sent, out _pending)) return Fail(); // ConnectionMemory.ReadBytes sees to it that this does not happen
        bytes[sent..].CopyTo(_pending.Span);
        _pendingStart = 0;
        _pendingEnd = bytes.Length - sent;
        return true;
    }

    /// <inheritdoc/>
    public bool Flush()
    {
        if (PendingBytes > 0 && IsWritable)
        {
            int sent = Send(_pending.Pointer + _pendingStart, PendingBytes);
            if (sent < 0) return false;
            _pendingStart += sent;
            if (PendingBytes == 0) _memory.Pool.Return(ref _pending);
        }
        return !_endRequested || EndOutput();
    }

    /// <inheritdoc/>
    public bool EndOutput()
    {
        _endRequested = true;
        if (OutputEnded || PendingBytes > 0) return true;
        OutputEnded = true;
        return Sockets.EndSending(_descriptor) == 0 || Fail();
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (Release() is var descriptor and >= 0) Sockets.Close(descriptor);
    }

    /// <summary>Closes the socket without a word to the peer: another node goes on with the connection.</summary>
    public void Abandon()
    {
        if (Release() is not (var descriptor and >= 0)) return;
        _ = SocketRestore.Silence(descriptor); // refused only when the connection is gone already
        Sockets.Close(descriptor);
    }

    /// <summary>The peer ended its direction before the socket was restored: the kernel does not know it.</summary>
    public void EndInput()
    {
        InputEnded = true;
        IsReadable = false;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        if (Release() is var descriptor and >= 0) Sockets.Reset(descriptor);
    }

    // Rare: what TLS says by itself while the peer takes nothing.
    private bool Append(ReadOnlySpan<byte> bytes)
    {
        int total = PendingBytes + bytes.Length;
        if (total > MostAppendedBytes + ConnectionMemory.LargestReadBytes || !_memory.Pool.TryRent(total, out NativeBlock longer)) return Fail();
        _pending.Span[_pendingStart.._pendingEnd].CopyTo(longer.Span);
        bytes.CopyTo(longer.Span[PendingBytes..]);
        _memory.Pool.Return(ref _pending);
        _pending = longer;
        _pendingStart = 0;
        _pendingEnd = total;
        return true;
    }

    private int Send(byte* bytes, int length)
    {
        int sent = Sockets.Send(_descriptor, bytes, length);
        if (sent >= 0)
        {
            BytesSent += sent;
            if (sent < length) IsWritable = false;
            return sent;
        }
        if (-sent is Sockets.TryAgain or Sockets.Interrupted)
        {
            IsWritable = -sent == Sockets.Interrupted;
            return 0;
        }
        HasFailed = true;
        return sent;
    }

    private bool Fail()
    {
        HasFailed = true;
        return false;
    }

    private int Release()
    {
        if (_descriptor < 0) return -1;
        int descriptor = _descriptor;
        _loop.Unregister(descriptor);
        _descriptor = -1;
        _memory.Pool.Return(ref _pending);
        _pendingStart = _pendingEnd = 0;
        return descriptor;
    }
}

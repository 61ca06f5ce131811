using System.Runtime.InteropServices;
using Appliance.Interop;
using Appliance.Listeners.Connections;

namespace Appliance.Listeners.Tls;

/// <summary>How far a handshake is.</summary>
internal enum TlsProgress
{
    /// <summary>It waits for the peer.</summary>
    Waiting,

    /// <summary>Bytes can be relayed.</summary>
    Done,

    /// <summary>It has failed; an alert has been sent where TLS has one.</summary>
    Failed,
}

/// <summary>
/// TLS between a socket and the relay, which sees the same members as of a plain connection. OpenSSL takes bytes from the socket when it wants them, so
/// what is not asked for stays in the kernel; what it sends is gathered in <see cref="TlsOutput"/>. Allocates nothing per record. Loop thread.
/// </summary>
internal sealed unsafe class TlsConnection : IConnection
{
    [ThreadStatic]
    private static TlsConnection? _current;

    private readonly TcpConnection _socket;
    private readonly ConnectionMemory _memory;
    private readonly TlsOutput _output;
    private readonly SslHandle _ssl;
    private bool _hasMore;      // OpenSSL may hold bytes that were not asked for yet
    private bool _isBroken;
    private bool _wasEndedByPeer; // close_notify came
    private bool _endRequested;

    /// <param name="socket">Connected, or connecting; belongs to this from now on.</param>
    /// <param name="memory">That of the socket.</param>
    /// <param name="output">Shared by the connections of a loop.</param>
    /// <param name="context">Rules and certificates.</param>
    /// <param name="server">Null on a connection that this side opened.</param>
    /// <exception cref="OpenSslException">Out of memory.</exception>
    internal TlsConnection(TcpConnection socket, ConnectionMemory memory, TlsOutput output, SslContextHandle context, TlsServer? server)
    {
        _socket = socket;
        _memory = memory;
        _output = output;
        Server = server;
        _ssl = SslHandle.Create(context, TlsCallbacks.StreamMethod, accepts: server is not null);
    }

    /// <summary>The connection that OpenSSL works for now on this thread: how its callbacks know.</summary>
    internal static TlsConnection Current => _current!;

    /// <summary>Where it was accepted.</summary>
    internal TlsServer? Server { get; }

    /// <summary>OpenSSL's own.</summary>
    internal nint Pointer => _ssl.Pointer;

    /// <summary>The peer's end was not authentic: FIN or RST without close_notify, while this side had not ended either (RFC 8446, 6.1).</summary>
    internal bool WasTruncated { get; private set; }

    /// <summary>The client asked for a renegotiation, which is refused.</summary>
    internal bool WantsRenegotiation { get; set; }

    /// <summary>OpenSSL's number for what failed; 0 when nothing did, or the socket.</summary>
    internal ulong Error { get; private set; }

    /// <summary>TLS 1.3.</summary>
    internal bool IsTls13 => OpenSsl.SSL_version(Pointer) == OpenSsl.Tls13;

    /// <summary>What ALPN has chosen; empty for nothing.</summary>
    internal ReadOnlySpan<byte> Protocol
    {
        get
        {
            byte* protocol;
            uint length;
            OpenSsl.SSL_get0_alpn_selected(Pointer, &protocol, &length);
            return new ReadOnlySpan<byte>(protocol, (int)length);
        }
    }

    /// <summary>The handshake resumed a session.</summary>
    internal bool IsResumed => OpenSsl.SSL_session_reused(Pointer) == 1;

    /// <summary>What the session carries to tell a login by (<see cref="LoginDesk"/>), at whichever node it is resumed; empty when it carries nothing.</summary>
    internal byte[] LoginHandle()
    {
        byte* data;
        nuint length;
        nint session = OpenSsl.SSL_get_session(Pointer);
        return session != 0 && OpenSsl.SSL_SESSION_get0_ticket_appdata(session, &data, &length) == 1 && length == LoginDesk.HandleBytes ? new ReadOnlySpan<byte>(data, (int)length).ToArray() : [];
    }

    /// <inheritdoc/>
    public bool IsReadable => !InputEnded && (_hasMore || _socket.IsReadable);

    /// <inheritdoc/>
    public bool InputEnded { get; private set; }

    /// <inheritdoc/>
    public bool OutputEnded => _socket.OutputEnded;

    /// <inheritdoc/>
    public bool HasFailed => _isBroken && !_hasMore || _socket.HasFailed;

    /// <inheritdoc/>
    public int PendingBytes => _socket.PendingBytes;

    /// <inheritdoc/>
    public long BytesReceived => _socket.BytesReceived;

    /// <inheritdoc/>
    public long BytesSent => _socket.BytesSent;

    /// <summary>Offers one protocol by ALPN, before the handshake.</summary>
    internal void Offer(ReadOnlySpan<byte> protocol)
    {
        Span<byte> list = stackalloc byte[256];
        list[0] = checked((byte)protocol.Length);
        protocol.CopyTo(list[1..]);
        fixed (byte* start = list) _ = OpenSsl.SSL_set_alpn_protos(Pointer, start, 1 + (uint)protocol.Length); // 0 is success; else nothing is offered
    }

    /// <summary>Goes on with the handshake.</summary>
    internal TlsProgress Handshake()
    {
        Enter();
        int result = OpenSsl.SSL_do_handshake(Pointer);
        int error = result == 1 ? 0 : OpenSsl.SSL_get_error(Pointer, result);
        if (result != 1 && error != OpenSsl.WantRead) Break();
        if (!Send()) return TlsProgress.Failed;
        if (result != 1) return _isBroken ? TlsProgress.Failed : TlsProgress.Waiting;
        _hasMore = true; // what came with the last message of the handshake
        return TlsProgress.Done;
    }

    /// <inheritdoc/>
    public int Receive(int maxBytes) => Receive(_memory.Input, maxBytes);

    /// <inheritdoc/>
    public int Receive(byte* destination, int maxBytes)
    {
        Enter();
        int total = 0;
        while (total < maxBytes && !_isBroken && !_wasEndedByPeer)
        {
            int received = OpenSsl.SSL_read(Pointer, destination + total, maxBytes - total);
            if (received > 0) total += received;
            else if (!NoteEnd(OpenSsl.SSL_get_error(Pointer, received))) break;
        }
        // An end that was met behind bytes is told by the next call.
        _hasMore = total == maxBytes || total > 0 && (_isBroken || _wasEndedByPeer);
        if (!Send() && total == 0) return -Sockets.ConnectionReset;
        if (total > 0) return total;
        if (_wasEndedByPeer)
        {
            InputEnded = true;
            return 0;
        }
        return _isBroken ? -Sockets.ConnectionReset : -Sockets.TryAgain;
    }

    /// <inheritdoc/>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        Enter();
        fixed (byte* start = bytes)
        {
            // Never partial: the output takes everything (TakeOutput).
            if (OpenSsl.SSL_write(Pointer, start, bytes.Length) != bytes.Length) Break();
        }
        return Send() && !_isBroken;
    }

    /// <inheritdoc/>
    public bool Flush() => _socket.Flush();

    /// <inheritdoc/>
    public bool EndOutput()
    {
        if (!_endRequested && !_isBroken)
        {
            Enter();
            _ = OpenSsl.SSL_shutdown(Pointer); // sends close_notify; it does not wait for the peer's
        }
        _endRequested = true;
        return Send() && _socket.EndOutput();
    }

    /// <inheritdoc/>
    public void Close()
    {
        _socket.Close();
        Free();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _socket.Reset();
        Free();
    }

    /// <summary>What failed, for people.</summary>
    internal string DescribeError() => Error == 0 ? "the connection ended" : Marshal.PtrToStringUTF8(OpenSsl.ERR_reason_error_string(Error)) ?? $"error {Error:x}";

    /// <summary>OpenSSL wants bytes of the peer. Called back.</summary>
    /// <returns>Bytes; 0 at the end; <c>-</c><see cref="Sockets.TryAgain"/> when there are none now; less after an error.</returns>
    internal int GiveInput(byte* destination, int maxBytes)
    {
        if (!_socket.IsReadable) return _socket.InputEnded ? 0 : -Sockets.TryAgain;
        return _socket.Receive(destination, maxBytes);
    }

    /// <summary>OpenSSL has bytes for the peer. Called back; takes all of them.</summary>
    internal bool TakeOutput(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_output.Bytes == TlsOutput.CapacityBytes && !Send()) return false;
            int part = Math.Min(bytes.Length, TlsOutput.CapacityBytes - _output.Bytes);
            bytes[..part].CopyTo(new Span<byte>(_output.Start + _output.Bytes, part));
            _output.Bytes += part;
            bytes = bytes[part..];
        }
        return true;
    }

    private void Enter()
    {
        _current = this;
        OpenSsl.ERR_clear_error(); // SSL_get_error looks at this thread's queue
    }

    private bool Send()
    {
        if (_output.Bytes == 0) return true;
        var bytes = new ReadOnlySpan<byte>(_output.Start, _output.Bytes);
        _output.Bytes = 0;
        return !_socket.IsClosed && _socket.Write(bytes);
    }

    // Answers whether there may be more to read.
    private bool NoteEnd(int error)
    {
        if (WantsRenegotiation) Break();
        if (error == OpenSsl.WantRead) return false;
        if (error == OpenSsl.ZeroReturn)
        {
            _wasEndedByPeer = true;
            return false;
        }
        // A peer may close without a word after this side has ended (RFC 5246, 7.2.1): nothing that it had to say is missing.
        if (_socket.InputEnded && OutputEnded) _wasEndedByPeer = true;
        else
        {
            WasTruncated = _socket.InputEnded;
            Break();
        }
        return false;
    }

    private void Break()
    {
        _isBroken = true;
        Error = OpenSsl.ERR_get_error();
    }

    private void Free()
    {
        if (_current == this) _current = null;
        _ssl.Dispose();
    }
}

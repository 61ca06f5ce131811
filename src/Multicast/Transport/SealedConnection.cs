using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>A TCP connection between two nodes of a group whose frames are sealed like the group's datagrams; snapshots go over it (ARCHITECTURE section 4, join and resync).</summary>
/// <remarks>
/// Blocking: for threads of its users. One thread may send while another receives; <see cref="Abort"/> from any thread ends both.
/// Both ends prove that they have the group's key before the user sees the connection. Nothing is allocated per frame.
/// </remarks>
public sealed class SealedConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly SealedConnectionSettings _settings;
    private byte[] _receiveBuffer = [];
    private byte[] _sendBuffer = [];
    private int _start, _end; // of what has been received and not yet consumed
    private SealedFrames? _sealer, _opener;
    private bool _ended, _completed;
    private volatile bool _aborted;

    private SealedConnection(Socket socket, SealedConnectionSettings settings)
    {
        _socket = socket;
        _settings = settings;
        socket.NoDelay = true;
        socket.Blocking = false;
    }

    /// <summary>The other node's name; proven by the handshake.</summary>
    public string PeerName { get; private set; } = "";

    /// <summary>The other end's address.</summary>
    public EndPoint? RemoteEndPoint { get; private init; }

    /// <summary>Payload bytes sent.</summary>
    public long BytesSent { get; private set; }

    /// <summary>Payload bytes received.</summary>
    public long BytesReceived { get; private set; }

    /// <summary>Calls a listener of the same group.</summary>
    /// <param name="endPoint">Where it listens.</param>
    /// <param name="settings">The group, the keys and the limits.</param>
    /// <exception cref="SealedConnectionException">Nobody there, refused, or not of this group; the error says which.</exception>
    public static SealedConnection Connect(IPEndPoint endPoint, SealedConnectionSettings settings)
    {
        Timestamp deadline = EventLoop.ReadClock() + settings.HandshakeTimeout;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        var connection = new SealedConnection(socket, settings) { RemoteEndPoint = endPoint };
        try
        {
            connection.Connect(endPoint, deadline);
            connection.ShakeHandsAsCaller(deadline);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Takes over an accepted socket; <see cref="Accept"/> must follow.</summary>
    internal static SealedConnection FromAccepted(Socket socket, SealedConnectionSettings settings) =>
        new(socket, settings) { RemoteEndPoint = socket.RemoteEndPoint };

    /// <summary>The listener's half of the handshake.</summary>
    internal void Accept()
    {
        Timestamp deadline = EventLoop.ReadClock() + _settings.HandshakeTimeout;
        Span<byte> hellos = stackalloc byte[2 * SealedHello.Bytes];
        Span<byte> theirs = hellos[..SealedHello.Bytes];
        Span<byte> ours = hellos[SealedHello.Bytes..];
        ReceiveExactly(theirs, deadline);
        SealedConnectionError error = Judge(theirs, out SealedHello hello, out GroupKey? key);
        if (error != SealedConnectionError.None)
        {
            SealedHello.Write(ours, (byte)error, 0, "", "");
            SendAll(ours, deadline);
            throw new SealedConnectionException(error, $"refused a connection from {RemoteEndPoint}: {Explain(error)}");
        }
        SealedHello.Write(ours, 0, hello.KeyId, _settings.GroupName, _settings.NodeName);
        SendAll(ours, deadline);
        PeerName = hello.NodeName;
        Prepare(hellos, key, isCaller: false);
        SendFrame(FrameType.Finished, [], deadline);
        ExpectFinished(deadline);
    }

    /// <summary>Sends one frame. Waits while the peer's window is full.</summary>
    /// <param name="payload">1 byte to <see cref="SealedConnectionSettings.MaxFrameBytes"/>; the peer receives exactly this.</param>
    /// <exception cref="SealedConnectionException">The connection is broken, or the peer took nothing for the idle time.</exception>
    public void Send(ReadOnlySpan<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfZero(payload.Length, nameof(payload));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, _settings.MaxFrameBytes, nameof(payload));
        SendFrame(FrameType.Data, payload, null);
        BytesSent += payload.Length;
    }

    /// <summary>Says that no more will be sent. The peer's <see cref="Receive"/> returns 0 then; without this it reports a cut.</summary>
    public void Complete()
    {
        if (_completed) return;
        _completed = true;
        SendFrame(FrameType.End, [], null);
    }

    /// <summary>Receives one frame.</summary>
    /// <param name="destination">At least <see cref="SealedConnectionSettings.MaxFrameBytes"/> long.</param>
    /// <returns>Bytes of the frame; 0 when the peer has completed.</returns>
    /// <exception cref="SealedConnectionException">The connection is broken, forged, cut, or silent for the idle time.</exception>
    public int Receive(Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, _settings.MaxFrameBytes, nameof(destination));
        if (_ended) return 0;
        int length = ReceiveFrame(destination, _settings.MaxFrameBytes, null, out FrameType type);
        switch (type)
        {
            case FrameType.Data when length > 0:
                BytesReceived += length;
                return length;
            case FrameType.End when length == 0:
                _ended = true;
                return 0;
            default:
                throw new SealedConnectionException(SealedConnectionError.BadFrame, $"{RemoteEndPoint} sent a frame that has no place here ({(int)type})");
        }
    }

    /// <summary>Breaks the connection; calls that wait on it end with <see cref="SealedConnectionError.Closed"/>. Any thread.</summary>
    public void Abort()
    {
        _aborted = true;
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Not connected any more: that is what was wanted.
        }
    }

    /// <summary>Closes the connection. Not while another thread is in a call: <see cref="Abort"/> first.</summary>
    public void Dispose()
    {
        _aborted = true;
        _socket.Dispose();
        _sealer?.Dispose();
        _opener?.Dispose();
    }

    private void Connect(IPEndPoint endPoint, Timestamp deadline)
    {
        try
        {
            _socket.Connect(endPoint);
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            if (!Interop.Stream.WaitWritable(_socket.SafeHandle, deadline - EventLoop.ReadClock()))
                throw new SealedConnectionException(SealedConnectionError.TimedOut, $"no answer from {endPoint}");
        }
        catch (SocketException error)
        {
            throw new SealedConnectionException(SealedConnectionError.Unreachable, $"cannot connect to {endPoint}: {error.Message}");
        }
        const int socketError = 4;
        int errno = SocketOptions.Get(_socket.SafeHandle, SocketOptions.SolSocket, socketError);
        if (errno != 0) throw new SealedConnectionException(SealedConnectionError.Unreachable, $"cannot connect to {endPoint}: {Errno.Name(errno)}");
    }

    private void ShakeHandsAsCaller(Timestamp deadline)
    {
        GroupKey? key = _settings.Sealed ? _settings.Keys[^1] : null;
        Span<byte> hellos = stackalloc byte[2 * SealedHello.Bytes];
        SealedHello.Write(hellos, _settings.Sealed ? (byte)1 : (byte)0, key?.Id ?? 0, _settings.GroupName, _settings.NodeName);
        SendAll(hellos[..SealedHello.Bytes], deadline);
        ReceiveExactly(hellos[SealedHello.Bytes..], deadline);
        if (!SealedHello.TryParse(hellos[SealedHello.Bytes..], out SealedHello answer))
            throw new SealedConnectionException(SealedConnectionError.NotThisProtocol, $"{RemoteEndPoint} does not speak this protocol");
        if (answer.Security != 0)
        {
            var error = (SealedConnectionError)answer.Security;
            throw new SealedConnectionException(error, $"{RemoteEndPoint} refused the connection: {Explain(error)}");
        }
        if (answer.GroupName != _settings.GroupName)
            throw new SealedConnectionException(SealedConnectionError.OtherGroup, $"{RemoteEndPoint} belongs to group '{answer.GroupName}'");
        PeerName = answer.NodeName;
        Prepare(hellos, key, isCaller: true);
        ExpectFinished(deadline);
        SendFrame(FrameType.Finished, [], deadline);
    }

    private SealedConnectionError Judge(ReadOnlySpan<byte> bytes, out SealedHello hello, out GroupKey? key)
    {
        key = null;
        if (!SealedHello.TryParse(bytes, out hello)) return SealedConnectionError.NotThisProtocol;
        if (hello.GroupName != _settings.GroupName) return SealedConnectionError.OtherGroup;
        if (hello.Security != (_settings.Sealed ? 1 : 0)) return SealedConnectionError.SecurityDiffers;
        if (!_settings.Sealed) return SealedConnectionError.None;
        key = _settings.FindKey(hello.KeyId);
        return key is null ? SealedConnectionError.UnknownKey : SealedConnectionError.None;
    }

    // Buffers come only now: a stranger who cannot even say hello costs nothing but a socket.
    private void Prepare(ReadOnlySpan<byte> hellos, GroupKey? key, bool isCaller)
    {
        Span<byte> callerKey = stackalloc byte[32], listenerKey = stackalloc byte[32];
        if (key is null)
        {
            callerKey = listenerKey = default;
        }
        else
        {
            // Both nonces and all names are in the hash: keys of their own for each connection and direction.
            Span<byte> transcript = stackalloc byte[SHA256.HashSizeInBytes], secret = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(hellos, transcript);
            HKDF.Extract(HashAlgorithmName.SHA256, key.Bytes.Span, transcript, secret);
            HKDF.Expand(HashAlgorithmName.SHA256, secret, callerKey, "appliance sealed connection: caller"u8);
            HKDF.Expand(HashAlgorithmName.SHA256, secret, listenerKey, "appliance sealed connection: listener"u8);
            CryptographicOperations.ZeroMemory(secret);
        }
        _sealer = new SealedFrames(isCaller ? callerKey : listenerKey);
        _opener = new SealedFrames(isCaller ? listenerKey : callerKey);
        CryptographicOperations.ZeroMemory(callerKey);
        CryptographicOperations.ZeroMemory(listenerKey);
        _receiveBuffer = GC.AllocateUninitializedArray<byte>(_settings.MaxFrameBytes + _opener.OverheadBytes);
        _sendBuffer = GC.AllocateUninitializedArray<byte>(_settings.MaxFrameBytes + _sealer.OverheadBytes);
    }

    private void ExpectFinished(Timestamp deadline)
    {
        int length = ReceiveFrame(default, 0, deadline, out FrameType type);
        if (type != FrameType.Finished || length != 0)
            throw new SealedConnectionException(SealedConnectionError.BadFrame, $"{RemoteEndPoint} did not finish the handshake");
    }

    private void SendFrame(FrameType type, ReadOnlySpan<byte> payload, Timestamp? deadline)
    {
        int length = _sealer!.Seal(type, payload, _sendBuffer);
        SendAll(_sendBuffer.AsSpan(0, length), deadline);
    }

    private int ReceiveFrame(Span<byte> destination, int maxDataBytes, Timestamp? deadline, out FrameType type)
    {
        Fill(SealedFrames.HeaderBytes, deadline);
        uint header = BinaryPrimitives.ReadUInt32BigEndian(_receiveBuffer.AsSpan(_start));
        type = SealedFrames.TypeOf(header);
        int length = SealedFrames.LengthOf(header);
        int limit = type == FrameType.Data ? maxDataBytes : 0;
        if (type > FrameType.End || length > limit)
            throw new SealedConnectionException(SealedConnectionError.BadFrame, $"{RemoteEndPoint} sent a frame of type {(int)type} with {length} bytes, at most {limit} are allowed");
        int frameBytes = length + _opener!.OverheadBytes;
        Fill(frameBytes, deadline);
        bool opened = _opener.TryOpen(_receiveBuffer.AsSpan(_start, frameBytes), destination);
        _start += frameBytes;
        if (!opened) throw new SealedConnectionException(SealedConnectionError.Forged, $"a frame from {RemoteEndPoint} does not open: the keys differ, or the bytes were changed on the way");
        return length;
    }

    private void Fill(int wanted, Timestamp? deadline)
    {
        if (_end - _start >= wanted) return;
        if (_start > 0)
        {
            _receiveBuffer.AsSpan(_start.._end).CopyTo(_receiveBuffer);
            _end -= _start;
            _start = 0;
        }
        while (_end < wanted) _end += ReceiveSome(_receiveBuffer.AsSpan(_end), deadline);
    }

    private void ReceiveExactly(Span<byte> destination, Timestamp deadline)
    {
        while (!destination.IsEmpty) destination = destination[ReceiveSome(destination, deadline)..];
    }

    private int ReceiveSome(Span<byte> destination, Timestamp? deadline)
    {
        while (true)
        {
            if (_aborted) throw Closed();
            int count = Interop.Stream.Receive(_socket.SafeHandle, destination);
            if (count > 0) return count;
            if (count == 0) throw _aborted ? Closed() : new SealedConnectionException(SealedConnectionError.Truncated, $"{RemoteEndPoint} closed the connection in the middle");
            if (-count == Errno.Interrupted) continue;
            if (-count != Errno.WouldBlock) throw Broken(-count);
            if (!Interop.Stream.WaitReadable(_socket.SafeHandle, TimeLeft(deadline))) throw TimedOut();
        }
    }

    private void SendAll(ReadOnlySpan<byte> bytes, Timestamp? deadline)
    {
        while (!bytes.IsEmpty)
        {
            if (_aborted) throw Closed();
            int count = Interop.Stream.Send(_socket.SafeHandle, bytes);
            if (count >= 0) bytes = bytes[count..];
            else if (-count == Errno.Interrupted) continue;
            else if (-count != Errno.WouldBlock) throw Broken(-count);
            else if (!Interop.Stream.WaitWritable(_socket.SafeHandle, TimeLeft(deadline))) throw TimedOut();
        }
    }

    // During the handshake one deadline for all of it, so that a trickle of bytes cannot prolong it; afterwards the idle time for each wait.
    private TimeSpan TimeLeft(Timestamp? deadline) => deadline is { } time ? time - EventLoop.ReadClock() : _settings.IdleTimeout;

    private SealedConnectionException Closed() => new(SealedConnectionError.Closed, $"the connection with {RemoteEndPoint} was closed here");

    private SealedConnectionException TimedOut() => new(SealedConnectionError.TimedOut, $"{RemoteEndPoint} did not answer in time");

    private SealedConnectionException Broken(int errno) => new(SealedConnectionError.Network, $"the connection with {RemoteEndPoint} broke: {Errno.Name(errno)}");

    private static string Explain(SealedConnectionError error) => error switch
    {
        SealedConnectionError.NotThisProtocol => "not this protocol, or another version of it",
        SealedConnectionError.OtherGroup => "another group's name",
        SealedConnectionError.SecurityDiffers => "one side has security = none",
        SealedConnectionError.UnknownKey => "the key id is not accepted; do both sides have the same key file?",
        SealedConnectionError.Full => "too many connections",
        _ => error.ToString(),
    };
}

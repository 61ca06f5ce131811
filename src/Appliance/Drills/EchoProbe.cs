using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Drills;

/// <summary>An ICMP echo request at a fixed interval (RFC 792): how long the address itself was away, whatever programs did. IPv4; needs CAP_NET_RAW. Loop thread.</summary>
internal sealed class EchoProbe : IRoundHandler, IReadinessHandler, IDisposable
{
    private const int IcmpBytes = 8, RequestType = 8, ReplyType = 0;
    private readonly Socket _socket;
    private readonly byte[] _request = new byte[IcmpBytes], _received = new byte[256];
    private readonly ushort _identifier = (ushort)Environment.ProcessId;
    private readonly TimeSpan _interval;
    private Timestamp _due = EventLoop.ReadClock();

    private EchoProbe(Socket socket, TimeSpan interval) => (_socket, _interval) = (socket, interval);

    /// <summary>What was measured; read it after the loop has stopped.</summary>
    internal ProbeTimes Times { get; } = new();

    /// <inheritdoc/>
    public Timestamp NextDeadline => _due;

    /// <summary>Starts on a loop that does not run yet; null when this process may not.</summary>
    internal static EchoProbe? TryStart(EventLoop loop, IPAddress target, TimeSpan interval)
    {
        if (target.AddressFamily != AddressFamily.InterNetwork) return null;
        Socket? socket = null;
        try
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp) { Blocking = false };
            socket.Connect(new IPEndPoint(target, 0));
        }
        catch (SocketException)
        {
            socket?.Dispose();
            return null;
        }
        var probe = new EchoProbe(socket, interval);
        loop.Register((int)socket.Handle, Readiness.Read, probe);
        loop.Add(probe);
        return probe;
    }

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < _due) return;
        Times.Start(_due, now);
        _due += _interval;
        if (_due <= now) _due = now + _interval;
        _request.AsSpan().Clear();
        _request[0] = RequestType;
        BinaryPrimitives.WriteUInt16BigEndian(_request.AsSpan(4), _identifier);
        BinaryPrimitives.WriteUInt16BigEndian(_request.AsSpan(6), (ushort)Times.Started);
        BinaryPrimitives.WriteUInt16BigEndian(_request.AsSpan(2), Checksum(_request));
        _socket.Send(_request, SocketFlags.None, out SocketError error);
        if (error is not (SocketError.Success or SocketError.WouldBlock)) Times.Refuse();
    }

    /// <inheritdoc/>
    public void OnReady(Readiness ready)
    {
        while (true)
        {
            int bytes = _socket.Receive(_received, SocketFlags.None, out SocketError error);
            if (error != SocketError.Success) return;
            int header = (_received[0] & 15) * 4; // raw sockets deliver the IP header too
            if (bytes >= header + IcmpBytes && _received[header] == ReplyType && BinaryPrimitives.ReadUInt16BigEndian(_received.AsSpan(header + 4)) == _identifier) Times.Succeed(EventLoop.ReadClock());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    // RFC 1071.
    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i + 1 < bytes.Length; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}

using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>The second path of the heartbeats (P-99): a socket on another network, from which each beat goes to every member that has an address there. Used by the heartbeat thread alone.</summary>
internal sealed class SecondPath : IDisposable
{
    private readonly Socket _socket;
    private readonly DatagramSender _sender;
    private readonly NativeAddress[] _peers;

    private SecondPath(Socket socket, NativeAddress[] peers, int datagramBytes, int receiveBatch)
    {
        _socket = socket;
        _peers = peers;
        Own = (IPEndPoint)socket.LocalEndPoint!;
        Receiver = new DatagramReceiver(socket.SafeHandle, datagramBytes, receiveBatch, coalesce: false, Counters);
        _sender = new DatagramSender(socket.SafeHandle, SendMethod.BatchedCalls, Counters, pendingBytes: 4096);
    }

    /// <summary>This node's end.</summary>
    internal IPEndPoint Own { get; }

    /// <summary>What the socket did.</summary>
    internal TransportCounters Counters { get; } = new();

    /// <summary>Takes what comes.</summary>
    internal DatagramReceiver Receiver { get; }

    /// <summary>For poll(2).</summary>
    internal int Descriptor => (int)_socket.SafeHandle.DangerousGetHandle();

    /// <summary>Opens this node's end; null when it has none. The address need not be there yet: a card that is missing at the start must not keep a node down that has another one.</summary>
    /// <exception cref="GroupTransportException">Another process has the port.</exception>
    internal static SecondPath? Open(GroupSettings settings, int datagramBytes, int receiveBatch)
    {
        if (settings.SecondAddress is not { } address) return null;
        var own = new IPEndPoint(address, settings.EffectiveUnicastPort + settings.HeartbeatPortOffset);
        NativeAddress[] peers = [.. settings.SecondPeers.Select(static peer => new NativeAddress(peer))];
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            bool version6 = address.AddressFamily == AddressFamily.InterNetworkV6;
            _ = SocketOptions.Set(socket.SafeHandle, version6 ? SocketOptions.SolIpv6 : SocketOptions.SolIp, version6 ? SocketOptions.Ipv6FreeBind : SocketOptions.IpFreeBind, 1);
            socket.Bind(own);
            return new SecondPath(socket, peers, datagramBytes, receiveBatch);
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw new GroupTransportException($"cannot bind {own} for the second path of the heartbeats: {error.Message}", error);
        }
    }

    /// <summary>Sends a beat to every member that has an address here.</summary>
    internal void Send(ReadOnlySpan<byte> beat)
    {
        for (int i = 0; i < _peers.Length; i++) _sender.Send(ref _peers[i], beat, beat.Length);
        if (_sender.PendingBytes > 0) _sender.OnWritable();
    }

    public void Dispose()
    {
        Receiver.Dispose();
        _sender.Dispose();
        _socket.Dispose();
    }
}

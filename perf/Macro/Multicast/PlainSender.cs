using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Transport;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>The floor: a program that multicasts one message per datagram with sendmmsg, without packing, order, repair or seal.</summary>
internal static class PlainSender
{
    internal const int Port = 7799;
    internal static readonly IPAddress Group = IPAddress.Parse("239.192.77.2");

    /// <summary>Datagrams in one call.</summary>
    private const int Batch = 32;

    internal static Answer Send(string address, int bytes, TimeSpan time)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastInterface, IPAddress.Parse(address).GetAddressBytes());
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.MulticastLoopback, false);
        _ = SocketOptions.Set(socket.SafeHandle, SocketOptions.SolSocket, SocketOptions.SendBufferForce, 8 << 20);
        var counters = new TransportCounters();
        using var sender = new DatagramSender(socket.SafeHandle, SendMethod.BatchedCalls, counters);
        var destination = new NativeAddress(new IPEndPoint(Group, Port));
        byte[] run = new byte[Batch * bytes];
        Timestamp start = EventLoop.ReadClock(), end = start + time;
        while (EventLoop.ReadClock() < end)
        {
            sender.Send(ref destination, run, bytes);
            if (sender.PendingBytes > 0) sender.OnWritable();
        }
        return new Answer().With("messages", counters.DatagramsSent).With("seconds", (EventLoop.ReadClock() - start).TotalSeconds);
    }
}

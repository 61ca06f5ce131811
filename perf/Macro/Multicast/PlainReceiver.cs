using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Transport;

namespace Appliance.Perf.Macro.Multicast;

/// <summary>Counts the datagrams of a <see cref="PlainSender"/>, received with recvmmsg.</summary>
internal sealed class PlainReceiver : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
    private readonly DatagramReceiver _receiver;
    private readonly Thread _thread;
    private volatile bool _stop;
    private long _count;
    private Timestamp _first, _last;

    internal PlainReceiver(string address, int bytes)
    {
        _ = SocketOptions.Set(_socket.SafeHandle, SocketOptions.SolSocket, SocketOptions.ReceiveBufferForce, 16 << 20);
        _socket.Bind(new IPEndPoint(PlainSender.Group, PlainSender.Port));
        _socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership, new MulticastOption(PlainSender.Group, IPAddress.Parse(address)));
        _receiver = new DatagramReceiver(_socket.SafeHandle, bytes, 64, coalesce: false, new TransportCounters());
        _thread = new Thread(Run);
        _thread.Start();
    }

    internal Answer End()
    {
        _stop = true;
        _thread.Join();
        return new Answer().With("messages", _count).With("seconds", (_last - _first).TotalSeconds);
    }

    public void Dispose()
    {
        _receiver.Dispose();
        _socket.Dispose();
    }

    private void Run()
    {
        var handler = new Counter();
        while (!_stop)
        {
            if (!_socket.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead)) continue;
            Timestamp now = EventLoop.ReadClock();
            if (handler.Count == 0) _first = now;
            while (_receiver.Receive(ref handler) == _receiver.Capacity) { }
            _last = EventLoop.ReadClock();
        }
        _count = handler.Count;
    }

    private struct Counter : IDatagramHandler
    {
        internal long Count;

        public void OnDatagram(Span<byte> datagram, ref NativeAddress source) => Count++;
    }
}

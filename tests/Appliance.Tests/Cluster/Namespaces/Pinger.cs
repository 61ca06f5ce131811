using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Appliance.Cluster.Namespaces;

/// <summary>Sends echo requests to an address without pause and notes when each was sent and whether it was answered.</summary>
internal sealed class Pinger : IDisposable
{
    private const int MaxRequests = 60_000;
    private const byte Request4 = 8, Reply4 = 0, Request6 = 128, Reply6 = 129;
    private static int _identifiers;
    private readonly ushort _identifier = (ushort)(Environment.ProcessId + Interlocked.Increment(ref _identifiers) * 257);
    private readonly IPEndPoint _target;
    private readonly bool _isIPv6;
    private readonly Socket _socket;
    private readonly long[] _sentAt = new long[MaxRequests];
    private readonly long[] _answeredAt = new long[MaxRequests];
    private readonly Thread _sender, _receiver;
    private volatile int _count;
    private volatile bool _stop;

    /// <summary>Begins to ping from a namespace.</summary>
    internal Pinger(TestNamespace from, IPAddress target)
    {
        _target = new IPEndPoint(target, 0);
        _isIPv6 = target.AddressFamily == AddressFamily.InterNetworkV6;
        _socket = from.Run(() => new Socket(target.AddressFamily, SocketType.Raw, _isIPv6 ? ProtocolType.IcmpV6 : ProtocolType.Icmp) { ReceiveBufferSize = 4 << 20, ReceiveTimeout = 100 });
        _sender = new Thread(Send);
        _receiver = new Thread(Receive);
        _receiver.Start();
        _sender.Start();
    }

    /// <summary>Requests sent so far.</summary>
    internal int Sent => _count;

    /// <summary>Waits for an answer to a request sent from now on.</summary>
    internal bool WaitForAnswer(TimeSpan patience)
    {
        int first = _count;
        return SpinWait.SpinUntil(() => Enumerable.Range(first, _count - first).Any(index => Volatile.Read(ref _answeredAt[index]) != 0), patience);
    }

    /// <summary>Waits until requests have been sent for as long after the moment.</summary>
    internal void PingUntil(Timestamp moment) => Assert.True(SpinWait.SpinUntil(() => EventLoop.ReadClock() > moment && _count > 0 && _sentAt[_count - 1] > moment.Nanoseconds, TimeSpan.FromSeconds(20)), "the pinger stopped");

    /// <summary>Requests sent in the interval, and how many of them were ever answered.</summary>
    internal (int Sent, int Answered) Between(Timestamp from, Timestamp until)
    {
        int sent = 0, answered = 0;
        for (int index = 0; index < _count; index++)
        {
            if (_sentAt[index] < from.Nanoseconds || _sentAt[index] >= until.Nanoseconds) continue;
            sent++;
            if (Volatile.Read(ref _answeredAt[index]) != 0) answered++;
        }
        return (sent, answered);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _sender.Join();
        _receiver.Join();
        _socket.Dispose();
    }

    private void Send()
    {
        byte[] request = new byte[16];
        for (int index = 0; index < MaxRequests && !_stop; index++)
        {
            request.AsSpan().Clear();
            request[0] = _isIPv6 ? Request6 : Request4;
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(4), _identifier);
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), (ushort)index);
            if (!_isIPv6) WriteChecksum(request);                                // of IPv6 the kernel writes it
            _sentAt[index] = EventLoop.ReadClock().Nanoseconds;
            _count = index + 1;
            try
            {
                _socket.SendTo(request, _target);
            }
            catch (SocketException)
            {
                // EHOSTUNREACH: nobody answers for the address. The request counts as sent and stays unanswered.
            }
            Thread.Sleep(1);                                                     // the interval
        }
    }

    private void Receive()
    {
        byte[] buffer = new byte[512];
        while (!_stop)
        {
            int bytes;
            try
            {
                bytes = _socket.Receive(buffer);
            }
            catch (SocketException)
            {
                continue;                                                        // time-out, or a queued EHOSTUNREACH
            }
            int offset = _isIPv6 ? 0 : (buffer[0] & 15) * 4;
            ReadOnlySpan<byte> message = buffer.AsSpan(offset, Math.Max(0, bytes - offset));
            if (message.Length < 8 || message[0] != (_isIPv6 ? Reply6 : Reply4) || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != _identifier) continue;
            Volatile.Write(ref _answeredAt[BinaryPrimitives.ReadUInt16BigEndian(message[6..])], EventLoop.ReadClock().Nanoseconds);
        }
    }

    private static void WriteChecksum(Span<byte> message)
    {
        uint sum = 0;
        for (int offset = 0; offset < message.Length; offset += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(message[offset..]);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], (ushort)~(sum + (sum >> 16)));
    }
}

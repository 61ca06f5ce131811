using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Transport;

public sealed class DatagramTests
{
    private const int DatagramBytes = 1000;

    public static TheoryData<SendMethod, bool> Paths => new()
    {
        { SendMethod.SegmentationOffload, true },
        { SendMethod.SegmentationOffload, false },
        { SendMethod.BatchedCalls, true },
        { SendMethod.BatchedCalls, false },
    };

    [Theory, MemberData(nameof(Paths))]
    public void A_run_arrives_datagram_by_datagram(SendMethod method, bool coalesce)
    {
        using var pair = new Pair(method, coalesce);
        // More than one super-packet, and a last datagram that is shorter.
        byte[] run = Numbered(datagrams: 150, lastBytes: 123);
        pair.Send(run);
        List<byte[]> received = pair.ReceiveAll(150);
        Assert.Equal(run, received.SelectMany(static datagram => datagram));
        Assert.All(received.SkipLast(1), static datagram => Assert.Equal(DatagramBytes, datagram.Length));
        Assert.Equal(123, received[^1].Length);
        Assert.Equal(150, pair.Counters.DatagramsSent);
        Assert.Equal(150, pair.Counters.DatagramsReceived);
        Assert.Equal(method, pair.Sender.Method);
    }

    [Fact]
    public void Segmentation_sends_many_datagrams_with_one_call()
    {
        using var pair = new Pair(SendMethod.SegmentationOffload, coalesce: true);
        pair.Send(Numbered(datagrams: 64, lastBytes: DatagramBytes));
        Assert.Equal(1, pair.Counters.SendCalls);
        Assert.Equal(64, pair.ReceiveAll(64).Count);
    }

    [Fact]
    public void A_kernel_that_refuses_segmentation_gets_single_datagrams_and_none_is_lost()
    {
        using var pair = new Pair(SendMethod.SegmentationOffload, coalesce: true);
        const int noChecksum = 11; // SO_NO_CHECK: the kernel refuses to segment then
        Assert.Equal(0, SocketOptions.Set(pair.From.SafeHandle, SocketOptions.SolSocket, noChecksum, 1));
        byte[] run = Numbered(datagrams: 100, lastBytes: 50);
        pair.Send(run);
        Assert.Equal(SendMethod.BatchedCalls, pair.Sender.Method);
        Assert.Contains("EINVAL", pair.Sender.FallbackReason, StringComparison.Ordinal);
        Assert.Equal(run, pair.ReceiveAll(100).SelectMany(static datagram => datagram));
        Assert.Equal(0, pair.Counters.SendsDropped);
    }

    [Fact]
    public void A_datagram_longer_than_the_MTU_is_counted_and_does_not_switch_segmentation_off()
    {
        using var pair = new Pair(SendMethod.SegmentationOffload, coalesce: false);
        byte[] tooLong = new byte[66_000];
        var to = new NativeAddress((IPEndPoint)pair.To.LocalEndPoint!);
        pair.Sender.Send(ref to, tooLong, tooLong.Length);
        Assert.Equal(1, pair.Counters.SendsDroppedTooLong);
        Assert.Equal(Errno.MessageSize, pair.Counters.LastSendErrno);
        Assert.Equal(SendMethod.SegmentationOffload, pair.Sender.Method);
    }

    [Fact]
    public void What_the_kernel_does_not_take_is_kept_and_sent_in_order_when_it_does()
    {
        using var slow = new SlowPair(pendingBytes: 1 << 20);
        var nowhere = default(NativeAddress);
        byte[] run = Numbered(datagrams: 700, lastBytes: DatagramBytes);
        slow.Sender.Send(ref nowhere, run.AsSpan(0, 300 * DatagramBytes), DatagramBytes);
        slow.Sender.Send(ref nowhere, run.AsSpan(300 * DatagramBytes), DatagramBytes);
        Assert.True(slow.Sender.PendingBytes > 0);
        Assert.True(slow.Counters.SendsDeferred >= 1);
        List<byte> received = [];
        byte[] buffer = new byte[2000];
        while (received.Count < run.Length)
        {
            Assert.True(slow.To.Poll(TimeSpan.FromSeconds(5), SelectMode.SelectRead));
            received.AddRange(buffer.AsSpan(0, slow.To.Receive(buffer)));
            slow.Sender.OnWritable();
        }
        Assert.Equal(run, received);
        Assert.Equal(0, slow.Sender.PendingBytes);
        Assert.Equal(0, slow.Counters.SendsDropped);
    }

    [Fact]
    public void What_exceeds_the_bound_is_dropped_and_counted()
    {
        using var slow = new SlowPair(pendingBytes: 64 * 1024);
        var nowhere = default(NativeAddress);
        byte[] run = Numbered(datagrams: 40, lastBytes: DatagramBytes);
        for (int i = 0; i < 30; i++) slow.Sender.Send(ref nowhere, run, DatagramBytes);
        Assert.True(slow.Sender.PendingBytes <= 64 * 1024);
        Assert.True(slow.Counters.SendsDroppedFull > 0);
        int received = 0;
        byte[] buffer = new byte[2000];
        while (slow.To.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
        {
            slow.To.Receive(buffer);
            received++;
            slow.Sender.OnWritable();
        }
        Assert.Equal(30 * 40, received + slow.Counters.SendsDroppedFull);
    }

    [Theory, MemberData(nameof(Paths))]
    public void Sending_and_receiving_allocate_nothing(SendMethod method, bool coalesce)
    {
        using var pair = new Pair(method, coalesce);
        byte[] run = Numbered(datagrams: 40, lastBytes: DatagramBytes);
        var to = new NativeAddress((IPEndPoint)pair.To.LocalEndPoint!);
        var handler = new CountingHandler(new EndPointCache());
        void Once()
        {
            pair.Sender.Send(ref to, run, DatagramBytes);
            while (pair.Receiver.Receive(ref handler) > 0) { }
        }
        for (int i = 0; i < 100; i++) Once();
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int i = 0; i < 100; i++) Once();
        }));
    }

    [Fact]
    public void A_datagram_longer_than_the_buffer_is_counted_and_not_handed_over()
    {
        using var pair = new Pair(SendMethod.BatchedCalls, coalesce: false);
        var to = new NativeAddress((IPEndPoint)pair.To.LocalEndPoint!);
        byte[] tooLong = new byte[5000];
        pair.Sender.Send(ref to, tooLong, tooLong.Length);
        pair.Sender.Send(ref to, tooLong.AsSpan(0, 10), 10);
        Assert.Single(pair.ReceiveAll(1));
        Assert.Equal(1, pair.Counters.ReceivesTruncated);
    }

    [Fact]
    public void The_source_of_a_datagram_is_known_and_its_endpoint_is_made_once()
    {
        using var pair = new Pair(SendMethod.BatchedCalls, coalesce: true);
        var cache = new EndPointCache();
        var handler = new CountingHandler(cache);
        var to = new NativeAddress((IPEndPoint)pair.To.LocalEndPoint!);
        IPEndPoint? first = null;
        for (int i = 0; i < 3; i++)
        {
            pair.Sender.Send(ref to, new byte[10], 10);
            Assert.True(pair.To.Poll(TimeSpan.FromSeconds(5), SelectMode.SelectRead));
            pair.Receiver.Receive(ref handler);
            Assert.Equal(pair.From.LocalEndPoint, handler.Source);
            first ??= handler.Source;
            Assert.Same(first, handler.Source);
        }
    }

    [Theory]
    [InlineData("10.1.2.3", 7770)]
    [InlineData("2001:db8::1", 1)]
    [InlineData("fe80::1%3", 65535)]
    public void An_address_survives_the_way_to_the_kernel_and_back(string address, int port)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        Assert.Equal(endPoint, new NativeAddress(endPoint).ToEndPoint());
    }

    private static byte[] Numbered(int datagrams, int lastBytes)
    {
        byte[] run = new byte[(datagrams - 1) * DatagramBytes + lastBytes];
        for (int i = 0; i < run.Length; i++) run[i] = (byte)(i / DatagramBytes + i);
        return run;
    }

    private struct CountingHandler(EndPointCache cache) : IDatagramHandler
    {
        public IPEndPoint? Source;

        public void OnDatagram(Span<byte> datagram, ref NativeAddress source) => Source = cache.Find(ref source);
    }

    private readonly struct CopyingHandler(List<byte[]> received) : IDatagramHandler
    {
        public void OnDatagram(Span<byte> datagram, ref NativeAddress source) => received.Add(datagram.ToArray());
    }

    /// <summary>Two UDP sockets on lo.</summary>
    private sealed class Pair : IDisposable
    {
        internal Pair(SendMethod method, bool coalesce)
        {
            From.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            To.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            To.ReceiveBufferSize = 4 << 20;
            Sender = new DatagramSender(From.SafeHandle, method, Counters);
            Receiver = new DatagramReceiver(To.SafeHandle, DatagramBytes, 16, coalesce, Counters);
        }

        internal Socket From { get; } = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };

        internal Socket To { get; } = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };

        internal TransportCounters Counters { get; } = new();

        internal DatagramSender Sender { get; }

        internal DatagramReceiver Receiver { get; }

        internal void Send(byte[] run)
        {
            var to = new NativeAddress((IPEndPoint)To.LocalEndPoint!);
            Sender.Send(ref to, run, DatagramBytes);
        }

        internal List<byte[]> ReceiveAll(int wanted)
        {
            List<byte[]> received = [];
            var handler = new CopyingHandler(received);
            while (received.Count < wanted && To.Poll(TimeSpan.FromSeconds(5), SelectMode.SelectRead)) Receiver.Receive(ref handler);
            return received;
        }

        public void Dispose()
        {
            Sender.Dispose();
            Receiver.Dispose();
            From.Dispose();
            To.Dispose();
        }
    }

    /// <summary>Two local datagram sockets: unlike UDP on lo, their queue fills up and the sender gets EAGAIN.</summary>
    private sealed class SlowPair : IDisposable
    {
        private readonly Socket _from = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        private readonly string _path = Path.Combine(Path.GetTempPath(), $"appliance-{Guid.NewGuid():N}");

        internal SlowPair(int pendingBytes)
        {
            To.Bind(new UnixDomainSocketEndPoint(_path));
            _from.Connect(new UnixDomainSocketEndPoint(_path));
            Sender = new DatagramSender(_from.SafeHandle, SendMethod.BatchedCalls, Counters, pendingBytes);
        }

        internal Socket To { get; } = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

        internal TransportCounters Counters { get; } = new();

        internal DatagramSender Sender { get; }

        public void Dispose()
        {
            Sender.Dispose();
            _from.Dispose();
            To.Dispose();
            File.Delete(_path);
        }
    }
}

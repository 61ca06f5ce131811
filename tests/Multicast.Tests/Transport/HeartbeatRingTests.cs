using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Interop;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

public sealed class HeartbeatRingTests
{
    [Fact]
    public void What_is_written_is_read_in_order_with_its_source_and_time()
    {
        using var ring = new HeartbeatRing(100);
        var source = new NativeAddress(new IPEndPoint(IPAddress.Loopback, 1234));
        for (int i = 0; i < 3; i++) Assert.True(ring.TryWrite(new Timestamp(i), ref source, 2, [(byte)i, 9]));
        for (int i = 0; i < 3; i++)
        {
            Assert.True(ring.TryPeek(out Timestamp received, out NativeAddress from, out byte path, out Span<byte> datagram));
            Assert.Equal(i, received.Nanoseconds);
            Assert.Equal(source, from);
            Assert.Equal(2, path);
            Assert.Equal([(byte)i, 9], datagram.ToArray());
            ring.Advance();
        }
        Assert.False(ring.TryPeek(out _, out _, out _, out _));
    }

    [Fact]
    public void It_calls_for_the_reader_only_when_half_of_it_is_used()
    {
        using var ring = new HeartbeatRing(100);
        var source = default(NativeAddress);
        for (int i = 1; i <= HeartbeatRing.Slots / 2; i++)
        {
            Assert.False(ring.IsFilling);
            ring.TryWrite(new Timestamp(i), ref source, 0, [1]);
        }
        Assert.True(ring.IsFilling);
        Assert.True(ring.TryPeek(out _, out _, out _, out _));
        ring.Advance();
        Assert.False(ring.IsFilling);
    }

    [Fact]
    public void A_full_ring_drops_the_newest_and_counts()
    {
        using var ring = new HeartbeatRing(100);
        var source = default(NativeAddress);
        for (int i = 0; i < HeartbeatRing.Slots; i++) Assert.True(ring.TryWrite(new Timestamp(i), ref source, 0, [1]));
        Assert.False(ring.TryWrite(new Timestamp(9), ref source, 0, [1]));
        Assert.False(ring.TryWrite(new Timestamp(9), ref source, 0, new byte[101]));
        Assert.Equal(2, ring.Overruns);
        ring.Advance();
        Assert.True(ring.TryWrite(new Timestamp(9), ref source, 0, [1]));
    }

    [Fact]
    public void Two_threads_lose_and_mix_nothing()
    {
        using var ring = new HeartbeatRing(64);
        const int count = 100_000;
        var producer = new Thread(() =>
        {
            var source = default(NativeAddress);
            byte[] datagram = new byte[64];
            for (int i = 0; i < count;)
            {
                datagram.AsSpan().Fill((byte)i);
                if (ring.TryWrite(new Timestamp(i), ref source, 0, datagram)) i++;
                else Thread.Yield();
            }
        });
        producer.Start();
        for (int i = 0; i < count;)
        {
            if (!ring.TryPeek(out Timestamp received, out _, out _, out Span<byte> datagram))
            {
                Thread.Yield();
                continue;
            }
            Assert.Equal(i, received.Nanoseconds);
            Assert.False(datagram.ContainsAnyExcept((byte)i));
            ring.Advance();
            i++;
        }
        producer.Join();
    }
}

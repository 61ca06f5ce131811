using System.Net;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>Steady state allocates nothing: 0 bytes per published and per delivered message, also with loss and repair.</summary>
public sealed class Allocating
{
    [Theory]
    [InlineData(100, 0)]
    [InlineData(100, 20)]
    [InlineData(1400, 0)]
    [InlineData(20_000, 50)]
    public void Publishing_delivering_and_repairing_allocate_nothing(int messageBytes, int loseEvery)
    {
        var options = TestGroup.Options;
        var a = new NoHandler();
        var b = new NoHandler();
        using var sender = new GroupEngine(options, Identity("a", 1), a);
        using var receiver = new GroupEngine(options, Identity("b", 2), b);
        var toReceiver = new BufferSink(loseEvery);
        var toSender = new BufferSink(0);
        var now = new Timestamp(1_000_000_000);
        byte[] message = new byte[messageBytes];
        byte[] beat = new byte[1500];
        IPEndPoint addressOfA = TestNode.Address(0), addressOfB = TestNode.Address(1);
        void Round(int messages)
        {
            now += TimeSpan.FromMilliseconds(1);
            for (int i = 0; i < messages; i++) sender.TryPublish(now, message, PublishOptions.None, out _, ref toReceiver);
            sender.Flush(now, ref toReceiver);
            sender.PublishBeatExtension(message.AsSpan(0, Math.Min(500, message.Length)), now + TimeSpan.FromMilliseconds(20), hurry: messages > 0);
            sender.OnTick(now, 0, ref toReceiver);
            int length = sender.Heartbeats.TryWrite(now, 0, beat);
            receiver.OnDatagram(now, 0, beat.AsSpan(0, length), addressOfA, ReceivePath.Heartbeat, ref toSender);
            for (int i = 0; i < toReceiver.Count; i++) receiver.OnDatagram(now, 0, toReceiver[i], addressOfA, ReceivePath.Group, ref toSender);
            toReceiver.Clear();
            receiver.EndReceiveBatch(now, ref toSender);
            receiver.OnTick(now, 0, ref toSender);
            for (int i = 0; i < toSender.Count; i++) sender.OnDatagram(now, 0, toSender[i], addressOfB, ReceivePath.Group, ref toReceiver);
            toSender.Clear();
            sender.EndReceiveBatch(now, ref toReceiver);
        }

        toReceiver.IsLossy = false;
        for (int i = 0; i < 300; i++) Round(0);
        toReceiver.IsLossy = true;
        Assert.Equal(MemberState.Live, Assert.Single(sender.Members).State);
        int perRound = Math.Clamp(100_000 / messageBytes, 1, 100);
        for (int i = 0; i < 300; i++) Round(perRound);                      // warm: every path is compiled, every lazy ring exists

        long delivered = b.Messages;
        long least = Allocated.Least(() =>
        {
            for (int i = 0; i < 300; i++) Round(perRound);
        });

        Assert.True(b.Messages - delivered > perRound * 50, $"{b.Messages - delivered} delivered");
        Assert.Equal(loseEvery > 0, sender.Counters.RepairsSent > 0);
        Assert.Equal(0, least);
    }

    private static EngineIdentity Identity(string name, ulong seed) => new() { Name = name, Incarnation = 1, Salt = seed, Nonce = seed, RandomSeed = seed };

    /// <summary>Keeps datagrams in buffers made beforehand.</summary>
    private struct BufferSink : IEngineSink
    {
        private readonly byte[][] _buffers;
        private readonly int[] _lengths;
        private readonly int _loseEvery;
        private int _sent;

        public BufferSink(int loseEvery)
        {
            _loseEvery = loseEvery;
            _buffers = [.. Enumerable.Range(0, 4096).Select(static _ => new byte[1500])];
            _lengths = new int[4096];
        }

        public bool IsLossy { get; set; }
        public int Count { get; private set; }
        public readonly Span<byte> this[int index] => _buffers[index].AsSpan(0, _lengths[index]);

        public void Clear() => Count = 0;

        public void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes)
        {
            for (int at = 0; at < datagrams.Length; at += datagramBytes) Add(datagrams.Slice(at, Math.Min(datagramBytes, datagrams.Length - at)));
        }

        public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram) => Add(datagram);

        private void Add(ReadOnlySpan<byte> datagram)
        {
            if (IsLossy && _loseEvery > 0 && ++_sent % _loseEvery == 0) return;
            datagram.CopyTo(_buffers[Count]);
            _lengths[Count++] = datagram.Length;
        }
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Runtime.ExceptionServices;
using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Engine;

/// <summary>Who has no key can make a node compute, and nothing else.</summary>
public sealed class Flooding
{
    private const int Datagrams = 5_000;
    private const int CounterOffset = 24;

    [Fact]
    public void A_flood_of_forged_datagrams_costs_no_exception_and_no_allocation()     // P-13, P-39
    {
        using var group = TestGroup.Of(2);
        Dictionary<DatagramType, Packet> samples = [];
        group.Sees = p =>
        {
            if (p.To.Name == "b") samples[p.Type] = p;
        };
        group.Loses = static p => p.Type == DatagramType.Data;
        group["a"].PublishNow("lost, so that it is repaired");
        group.Run(milliseconds: 300);
        group.Loses = static _ => false;
        group["a"].PublishNow("x");
        group.Start("c");
        group.Run(milliseconds: 300);
        DatagramType[] expected = [DatagramType.Data, DatagramType.Repair, DatagramType.Report, DatagramType.Heartbeat, DatagramType.Join, DatagramType.Setup, DatagramType.Probe];
        Assert.Equal(expected, samples.Keys.Order());

        foreach (Packet sample in samples.Values)
        {
            byte[] forged = Forge(sample);
            Flood(group["b"], group.Now, forged, sample.Path);              // warm; and the strangers of this moment have had their turn
            EngineCounters counters = group["b"].Counters;
            long before = counters.Dropped(DropReason.NotAuthentic) + counters.Dropped(DropReason.Overload);
            (long allocated, int thrown, long sent) = Flood(group["b"], group.Now, forged, sample.Path);
            Assert.Equal((sample.Type, sent), (sample.Type, counters.Dropped(DropReason.NotAuthentic) + counters.Dropped(DropReason.Overload) - before));
            Assert.Equal((sample.Type, 0L, 0), (sample.Type, allocated, thrown));
        }
        group["a"].PublishNow("y");
        group.Run(milliseconds: 20);
        Assert.Equal("y", group["b"].Messages("a").Last());
    }

    // A good header with a counter to come, from a life that is known or, in an introduction, from one that is not.
    private static byte[] Forge(Packet sample)
    {
        byte[] forged = [.. sample.Bytes];
        int inner = sample.Type == DatagramType.Repair ? DatagramHeader.PrefixBytes : 0;
        var counter = forged.AsSpan(inner + CounterOffset, sizeof(ulong));
        BinaryPrimitives.WriteUInt64BigEndian(counter, BinaryPrimitives.ReadUInt64BigEndian(counter) + (sample.Type is DatagramType.Data or DatagramType.Repair ? 3UL : 1_000));
        if (sample.Type is DatagramType.Join or DatagramType.Setup) forged[DatagramHeader.Bytes] ^= 1;
        forged[^1] ^= 1;
        return forged;
    }

    private static (long Allocated, int Thrown, long Sent) Flood(TestNode node, Timestamp now, byte[] forged, ReceivePath path)
    {
        int thread = Environment.CurrentManagedThreadId, thrown = 0;
        void Count(object? sender, FirstChanceExceptionEventArgs e) => thrown += Environment.CurrentManagedThreadId == thread ? 1 : 0;
        IPEndPoint stranger = TestNode.Address(99);
        Nowhere sink = default;
        long sent = 0;
        AppDomain.CurrentDomain.FirstChanceException += Count;
        long allocated = Allocated.Least(() =>
        {
            for (int i = 0; i < Datagrams; i++, sent++) node.Engine.OnDatagram(now, node.Wall, forged, stranger, path, ref sink);
        });
        AppDomain.CurrentDomain.FirstChanceException -= Count;
        return (allocated, thrown, sent);
    }

    private readonly struct Nowhere : IEngineSink
    {
        public void SendToGroup(ReadOnlySpan<byte> datagrams, int datagramBytes) => throw new InvalidOperationException("a forged datagram was answered");

        public void SendTo(IPEndPoint destination, ReadOnlySpan<byte> datagram) => throw new InvalidOperationException("a forged datagram was answered");
    }
}

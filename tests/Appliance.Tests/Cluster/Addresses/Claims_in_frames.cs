using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Tests.Appliance.Cluster.Guard;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Addresses;

/// <summary>What the detector reads out of single frames, and that any bytes are fine.</summary>
public sealed class Claims_in_frames
{
    private static readonly IPAddress Ours = IPAddress.Parse("192.0.2.100"), Ours6 = IPAddress.Parse("2001:db8::100"), Theirs = IPAddress.Parse("192.0.2.1");
    private static readonly HardwareAddress Own = new(0x02_00_00_00_00_0a);
    private readonly ConflictDetector _detector = new(Own, [Ours6, Ours]);

    [Fact]
    public void Each_kind_of_claim_is_told_apart()
    {
        Assert.Equal((1, ConflictKind.Announced), Inspect(TestFrames.Arp(ArpFrame.Request, Ours, Ours)));
        Assert.Equal((1, ConflictKind.Announced), Inspect(TestFrames.Arp(ArpFrame.Reply, Ours, Ours)));
        Assert.Equal((1, ConflictKind.Answered), Inspect(TestFrames.Arp(ArpFrame.Reply, Ours, Theirs)));
        Assert.Equal((1, ConflictKind.Used), Inspect(TestFrames.Arp(ArpFrame.Request, Ours, Theirs)));
        Assert.Equal((1, ConflictKind.Probed), Inspect(TestFrames.Arp(ArpFrame.Request, IPAddress.Any, Ours)));
        Assert.Equal((0, ConflictKind.Announced), Inspect(TestFrames.Neighbour(NeighbourFrame.Advertisement, Ours6)));
        byte[] probe = new byte[NeighbourFrame.ProbeBytes];
        NeighbourFrame.WriteProbe(probe, TestFrames.Mac, Ours6);
        Assert.Equal((0, ConflictKind.Probed), Inspect(probe));
        byte[] solicited = TestFrames.Neighbour(NeighbourFrame.Advertisement, Ours6);
        solicited[58] |= 0x40;
        Assert.Equal((0, ConflictKind.Answered), Inspect(solicited));
        byte[] uses = TestFrames.Neighbour(NeighbourFrame.Solicitation, IPAddress.Parse("2001:db8::1"));
        Ours6.TryWriteBytes(uses.AsSpan(22), out _);
        Assert.Equal((0, ConflictKind.Used), Inspect(uses));
    }

    [Fact]
    public void Ordinary_traffic_our_own_and_what_came_from_another_network_is_no_claim()
    {
        Assert.Null(Inspect(TestFrames.Arp(ArpFrame.Request, Theirs, Ours)));
        Assert.Null(Inspect(TestFrames.Arp(ArpFrame.Reply, Theirs, Ours)));
        Assert.Null(Inspect(TestFrames.Neighbour(NeighbourFrame.Solicitation, Ours6)));
        Assert.Null(Inspect(TestFrames.Ipv4(Ours, Theirs)));
        byte[] own = new byte[ArpFrame.FrameBytes];
        ArpFrame.WriteAnnouncement(own, Own, Ours, ArpFrame.Request);
        Assert.Null(Inspect(own));
        byte[] own6 = new byte[NeighbourFrame.AdvertisementBytes];
        NeighbourFrame.WriteAdvertisement(own6, Own, Ours6, isRouter: true);
        Assert.Null(Inspect(own6));
        byte[] routed = TestFrames.Neighbour(NeighbourFrame.Advertisement, Ours6);
        routed[21] = 254;
        Assert.Null(Inspect(routed));
    }

    [Fact]
    public void An_advertisement_is_written_as_the_standards_ask()
    {
        byte[] frame = new byte[NeighbourFrame.AdvertisementBytes];
        NeighbourFrame.WriteAdvertisement(frame, Own, Ours6, isRouter: false);
        Assert.Equal(Convert.FromHexString("33330000000102000000000a86dd6000000000203aff20010db8000000000000000000000100ff020000000000000000000000000001" + "8800"), frame[..56]);
        Assert.Equal(Convert.FromHexString("2000000020010db80000000000000000000001000201" + "02000000000a"), frame[58..]);
        uint sum = 32 + 58;
        for (int offset = 22; offset < frame.Length; offset += 2) sum += (uint)(frame[offset] << 8 | frame[offset + 1]);
        Assert.Equal(0xffffu, (sum & 0xffff) + (sum >> 16));
    }

    [Fact]
    public void Every_prefix_and_every_mutation_is_read_without_harm()
    {
        byte[][] frames = [TestFrames.Arp(ArpFrame.Request, Ours, Ours), TestFrames.Neighbour(NeighbourFrame.Advertisement, Ours6), TestFrames.Ipv6(Ours6, Ours6, 58)];
        foreach (byte[] frame in frames)
            for (int bytes = 0; bytes < frame.Length; bytes++)
                if (bytes < 42) Assert.Null(Inspect(frame[..bytes]));
        var random = new Random(7);
        int mutations = TestCounts.Of("parser.mutations");
        for (int round = 0; round < mutations; round++)
        {
            byte[] frame = frames[random.Next(frames.Length)].AsSpan(0).ToArray();
            for (int change = random.Next(6); change >= 0; change--) frame[random.Next(frame.Length)] = (byte)random.Next(256);
            _ = Inspect(frame[..random.Next(frame.Length + 1)]);
        }
        TestCounts.Reached("parser.mutations (ARP and neighbour frames)", mutations);
    }

    private (int Index, ConflictKind Kind)? Inspect(byte[] frame) => _detector.TryInspect(frame, out int index, out ConflictKind kind, out _) ? (index, kind) : null;
}

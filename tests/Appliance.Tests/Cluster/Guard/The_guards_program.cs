using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Appliance.Cluster.Interop;
using Appliance.Tests.Shared;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>What the two programs say to single frames (BPF_PROG_TEST_RUN: no link, no clock to wait for).</summary>
public sealed class The_guards_program : IDisposable
{
    private const int Next = -1, Drop = 2, ServiceSlot = 0, OtherSlot = 63;
    private static readonly IPAddress Floating = IPAddress.Parse("192.0.2.100"), Floating6 = IPAddress.Parse("2001:db8::100"), OfOther = IPAddress.Parse("192.0.2.101"), OfOther6 = IPAddress.Parse("2001:db8::101");
    private static readonly IPAddress Peer = IPAddress.Parse("192.0.2.1"), Peer6 = IPAddress.Parse("2001:db8::1"), Nobody = IPAddress.Any;
    private static readonly ushort[][] Taggings = [[], [0x8100], [0x88a8, 0x8100], [0x8100, 0x8100]];
    private readonly GuardMaps? _maps;
    private readonly SafeFileHandle? _ingress, _egress;

    public The_guards_program()
    {
        if (!Environment.IsPrivilegedProcess) return;
        _maps = GuardMaps.Create();
        _maps.ReplaceAddresses(new Dictionary<IPAddress, int> { [Floating] = ServiceSlot, [Floating6] = ServiceSlot, [OfOther] = OtherSlot, [OfOther6] = OtherSlot });
        _ingress = Load(GuardDirection.Ingress);
        _egress = Load(GuardDirection.Egress);
    }

    private GuardMaps Maps => _maps!;

    [RootFact]
    public void Drops_what_speaks_for_an_expired_address_and_passes_it_while_it_is_valid()
    {
        byte[][] leaving =
        [
            TestFrames.Ipv4(Floating, Peer), TestFrames.Ipv6(Floating6, Peer6), TestFrames.Ipv6(Floating6, Peer6, nextHeader: 58),
            TestFrames.Arp(ArpFrame.Reply, Floating, Peer), TestFrames.Arp(ArpFrame.Request, Floating, Peer),
            TestFrames.Arp(ArpFrame.Request, Floating, Floating), TestFrames.Arp(ArpFrame.Reply, Floating, Floating),
            TestFrames.Neighbour(NeighbourFrame.Advertisement, Floating6),
        ];
        byte[][] arriving =
        [
            TestFrames.Ipv4(Peer, Floating), TestFrames.Ipv6(Peer6, Floating6), TestFrames.Arp(ArpFrame.Request, Peer, Floating),
            TestFrames.Arp(ArpFrame.Request, Nobody, Floating), TestFrames.Neighbour(NeighbourFrame.Solicitation, Floating6),
        ];
        Expect(_egress!, leaving, Next, Drop);
        Expect(_ingress!, arriving, Next, Drop);
        Assert.Equal(leaving.Length * Taggings.Length * 2, Maps.Dropped(ServiceSlot, GuardDirection.Egress));
        Assert.Equal(arriving.Length * Taggings.Length * 2, Maps.Dropped(ServiceSlot, GuardDirection.Ingress));
    }

    [RootFact]
    public void Lets_a_node_without_the_lease_be_a_client_probe_and_hear_the_new_primary()
    {
        byte[][] leaving =
        [
            TestFrames.Ipv4(Peer, Floating), TestFrames.Ipv6(Peer6, Floating6), TestFrames.Arp(ArpFrame.Request, Peer, Floating),
            TestFrames.Arp(ArpFrame.Request, Nobody, Floating), TestFrames.Neighbour(NeighbourFrame.Solicitation, Floating6),
        ];
        byte[][] arriving =
        [
            TestFrames.Ipv4(Floating, Peer), TestFrames.Ipv6(Floating6, Peer6), TestFrames.Arp(ArpFrame.Reply, Floating, Peer),
            TestFrames.Arp(ArpFrame.Request, Floating, Floating), TestFrames.Arp(ArpFrame.Reply, Floating, Floating),
            TestFrames.Neighbour(NeighbourFrame.Advertisement, Floating6),
        ];
        Expect(_egress!, leaving, Next, Next);
        Expect(_ingress!, arriving, Next, Next);
    }

    [RootFact]
    public void Each_service_has_its_own_deadline()
    {
        Maps.Deadline(ServiceSlot) = Timestamp.Never.Nanoseconds;
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Ipv4(Floating, Peer)));
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Ipv6(Floating6, Peer6)));
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, TestFrames.Ipv4(OfOther, Peer)));
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, TestFrames.Ipv6(OfOther6, Peer6)));
        Maps.Deadline(OtherSlot) = Timestamp.Never.Nanoseconds;
        Maps.Deadline(ServiceSlot) = EventLoop.ReadClock().Nanoseconds;
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, TestFrames.Ipv4(Floating, Peer)));
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Ipv4(OfOther, Peer)));
        Assert.Equal(2, Maps.Dropped(OtherSlot, GuardDirection.Egress));
        Assert.Equal(1, Maps.Dropped(ServiceSlot, GuardDirection.Egress));
    }

    [RootFact]
    public void A_valid_source_does_not_excuse_an_advertisement_for_an_expired_address()
    {
        Maps.Deadline(OtherSlot) = Timestamp.Never.Nanoseconds;
        byte[] frame = TestFrames.Neighbour(NeighbourFrame.Advertisement, Floating6);
        OfOther6.TryWriteBytes(frame.AsSpan(22), out _);
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, frame));
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Neighbour(NeighbourFrame.Advertisement, OfOther6)));
    }

    [RootFact]
    public void Replacing_the_addresses_frees_those_that_are_not_named_again()
    {
        Maps.ReplaceAddresses(new Dictionary<IPAddress, int> { [OfOther] = ServiceSlot, [Floating6] = ServiceSlot });
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Ipv4(Floating, Peer)));
        Assert.Equal(Next, TestKernel.Verdict(_egress!, TestFrames.Ipv6(OfOther6, Peer6)));
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, TestFrames.Ipv4(OfOther, Peer)));
        Assert.Equal(Drop, TestKernel.Verdict(_egress!, TestFrames.Ipv6(Floating6, Peer6)));
    }

    [RootFact]
    public void Every_prefix_of_a_frame_gets_a_verdict_and_only_one_that_holds_the_address_is_dropped()
    {
        const int sourceEndIpv4 = 30, sourceEndIpv6 = 38;
        byte[] ipv4 = TestFrames.Ipv4(Floating, Peer), ipv6 = TestFrames.Ipv6(Floating6, Peer6);
        // The kernel's test run itself refuses frames of less than an Ethernet header, and completes IP headers.
        for (int bytes = sourceEndIpv4 + 4; bytes <= ipv4.Length; bytes++) Assert.Equal(Drop, TestKernel.Verdict(_egress!, ipv4.AsSpan(0, bytes)));
        for (int bytes = sourceEndIpv6 + 16; bytes <= ipv6.Length; bytes++) Assert.Equal(Drop, TestKernel.Verdict(_egress!, ipv6.AsSpan(0, bytes)));
        byte[] arp = TestFrames.Arp(ArpFrame.Reply, Floating, Peer);
        for (int bytes = 15; bytes <= arp.Length; bytes++) Assert.Equal(bytes < 32 ? Next : Drop, TestKernel.Verdict(_egress!, arp.AsSpan(0, bytes)));
    }

    [RootFact]
    public void Random_frames_about_other_addresses_pass()
    {
        var random = new Random(20240917);
        ushort[] etherTypes = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x0000];
        byte[] frame = new byte[128];
        for (int round = 0; round < TestCounts.Of("guard.frames"); round++)
        {
            random.NextBytes(frame);
            ushort etherType = etherTypes[random.Next(etherTypes.Length)];
            frame[12] = (byte)(etherType >> 8);
            frame[13] = (byte)etherType;
            int bytes = random.Next(64, frame.Length);
            Assert.Equal(Next, TestKernel.Verdict(round % 2 == 0 ? _ingress! : _egress!, frame.AsSpan(0, bytes)));
        }
        TestCounts.Reached("guard.frames", TestCounts.Of("guard.frames"));
    }

    public void Dispose()
    {
        _ingress?.Dispose();
        _egress?.Dispose();
        _maps?.Dispose();
    }

    /// <summary>Verdicts with the deadline ahead, passed, and never set; under every tagging.</summary>
    private void Expect(SafeFileHandle program, byte[][] frames, int valid, int expired)
    {
        foreach (byte[] plain in frames)
        {
            foreach (ushort[] tags in Taggings)
            {
                byte[] frame = TestFrames.Tagged(plain, tags);
                Maps.Deadline(ServiceSlot) = (EventLoop.ReadClock() + TimeSpan.FromMinutes(1)).Nanoseconds;
                Assert.Equal(valid, TestKernel.Verdict(program, frame));
                Maps.Deadline(ServiceSlot) = (EventLoop.ReadClock() - TimeSpan.FromTicks(1)).Nanoseconds;
                Assert.Equal(expired, TestKernel.Verdict(program, frame));
                Maps.Deadline(ServiceSlot) = 0;
                Assert.Equal(expired, TestKernel.Verdict(program, frame));
            }
        }
    }

    private SafeFileHandle Load(GuardDirection direction)
    {
        ulong[] code = GuardProgram.Build(direction, (int)Maps.Addresses.DangerousGetHandle(), (int)Maps.Services.DangerousGetHandle());
        byte[] log = new byte[65536];
        int program = Bpf.LoadProgram("appl_guard_test", code, log);
        Assert.True(program >= 0, System.Text.Encoding.UTF8.GetString(log).TrimEnd('\0'));
        return KernelObjects.Own(program);
    }
}

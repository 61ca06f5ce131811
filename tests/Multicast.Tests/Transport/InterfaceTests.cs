using System.Net;
using System.Net.Sockets;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Transport;

public sealed class InterfaceTests
{
    private static GroupSettings Settings(string @interface) => new()
    {
        Name = "test",
        NodeName = "a",
        Incarnation = 1,
        Interface = @interface,
        Sealed = false,
    };

    [Theory]
    [InlineData("lo")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.77")]
    public void Loopback_is_found_by_name_and_by_any_of_its_addresses(string name)
    {
        InterfaceChoice choice = InterfaceChoice.Find(name, AddressFamily.InterNetwork, needsMulticast: true);
        Assert.Equal("lo", choice.Name);
        Assert.True(choice.IsLoopback);
        Assert.Equal(name == "lo" ? IPAddress.Loopback : IPAddress.Parse(name), choice.Address);
    }

    [Fact]
    public void An_interface_that_does_not_exist_is_said_with_those_that_do()
    {
        string message = Refusal(() => InterfaceChoice.Find("eth77", AddressFamily.InterNetwork, needsMulticast: true));
        Assert.Contains("'eth77' does not exist", message, StringComparison.Ordinal);
        Assert.Contains("lo (127.0.0.1)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_on_no_interface_is_said() =>
        Assert.Contains("192.0.2.55 is on no interface", Refusal(() => InterfaceChoice.Find("192.0.2.55", AddressFamily.InterNetwork, needsMulticast: true)), StringComparison.Ordinal);

    [RootFact]
    public void An_interface_that_is_down_or_without_multicast_or_without_address_is_said()
    {
        using var space = new NetworkNamespace();
        space.Command("ip link add up0 type bridge");
        space.Command("ip link add down0 type bridge");
        space.Command("ip link set up0 up multicast on");
        string Find(string name, AddressFamily family = AddressFamily.InterNetwork) => Refusal(() => space.Run(() => InterfaceChoice.Find(name, family, needsMulticast: true)));
        Assert.Contains("'down0' is down", Find("down0"), StringComparison.Ordinal);
        Assert.Contains("no IPv4 address", Find("up0"), StringComparison.Ordinal);
        space.Command("ip address add 10.9.0.1/24 dev up0");
        Assert.Equal("up0", space.Run(() => InterfaceChoice.Find("10.9.0.1", AddressFamily.InterNetwork, needsMulticast: true)).Name);
        space.Command("ip link set up0 multicast off");
        Assert.Contains("does not do multicast", Find("up0"), StringComparison.Ordinal);
        Assert.Equal("up0", space.Run(() => InterfaceChoice.Find("up0", AddressFamily.InterNetwork, needsMulticast: false)).Name);
    }

    [RootFact]
    public void Datagrams_take_the_MTU_and_a_size_that_does_not_fit_is_said()
    {
        using var space = new NetworkNamespace();
        space.Command("ip link add d0 mtu 1400 type bridge");
        space.Command("ip link set d0 up multicast on");
        space.Command("ip address add 10.9.0.1/24 dev d0");
        InterfaceChoice small = space.Run(() => InterfaceChoice.Find("d0", AddressFamily.InterNetwork, needsMulticast: true));
        Assert.Equal(1372, Settings("d0").DatagramBytesOn(small));
        Assert.Contains("need an MTU of 1500 on 'd0', which has 1400", Refusal(() => (Settings("d0") with { DatagramBytes = 1472 }).DatagramBytesOn(small)), StringComparison.Ordinal);
        InterfaceChoice jumbo = small with { MtuBytes = 9000 };
        Assert.Equal(1472, Settings("d0").DatagramBytesOn(jumbo));
        Assert.Equal(8972, (Settings("d0") with { DatagramBytes = 8972 }).DatagramBytesOn(jumbo));
        Assert.Contains("too small", Refusal(() => Settings("d0").DatagramBytesOn(small with { MtuBytes = 400 })), StringComparison.Ordinal);
    }

    [Fact]
    public void Multicast_that_comes_back_passes_the_start_up_test()
    {
        using NetworkUse use = Open(Settings("127.0.0.77"));
        SelfTestResult result = SelfTest.Run(use.Settings, use.Choice, use.Sockets);
        Assert.True(result.Passed, result.Sentence);
        Assert.Contains("239.192.77.1:7770 arrives on 'lo'", result.Sentence, StringComparison.Ordinal);
    }

    [RootTheory]
    [InlineData("input", "does not come back")]
    [InlineData("output", "output rules")]
    public void A_packet_filter_that_drops_the_group_is_said(string hook, string expected)
    {
        using var space = new NetworkNamespace();
        space.Command("ip link add d0 type bridge");
        space.Command("ip link set d0 up multicast on");
        space.Command("ip address add 10.9.0.1/24 dev d0");
        space.Command("nft add table ip f");
        space.Command($"nft add chain ip f c {{ type filter hook {hook} priority 0 ; }}");
        space.Command("nft add rule ip f c udp dport 7770 counter drop");
        SelfTestResult result = space.Run(() =>
        {
            using NetworkUse use = Open(Settings("d0"));
            return SelfTest.Run(use.Settings, use.Choice, use.Sockets);
        });
        Assert.False(result.Passed);
        Assert.Contains(expected, result.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("packets 0 ", space.Command("nft list chain ip f c"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_that_is_taken_is_said()
    {
        using NetworkUse use = Open(Settings("127.0.0.78"));
        Assert.Contains("is a node running already?", Refusal(() => Open(Settings("127.0.0.78"))), StringComparison.Ordinal);
    }

    [Fact]
    public void The_granted_buffers_are_known()
    {
        using NetworkUse use = Open(Settings("127.0.0.79") with { SocketBufferBytes = 100_000 });
        Assert.True(use.Sockets.ReceiveBufferBytes >= 100_000);
        Assert.True(use.Sockets.SendBufferBytes >= 100_000);
        Assert.Equal(0, use.Sockets.ReceiveDrops);
    }

    [Fact]
    public void Datagrams_dropped_at_a_full_buffer_are_counted()
    {
        using NetworkUse use = Open(Settings("127.0.0.80") with { SocketBufferBytes = 10_000 });
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        for (int i = 0; i < 200; i++) sender.SendTo(new byte[1000], use.Sockets.Unicast.LocalEndPoint!);
        Assert.InRange(use.Sockets.ReceiveDrops, 100, 200);
    }

    [RootFact]
    public void A_lost_carrier_and_its_return_are_noticed()
    {
        using var space = new NetworkNamespace();
        space.Command("ip link add near type veth peer name far");
        space.Command("ip link set near up");
        space.Command("ip link set far up");
        space.Command("ip address add 10.9.0.1/24 dev near");
        using var loop = new EventLoop();
        using var changes = new System.Collections.Concurrent.BlockingCollection<LinkState>();
        LinkWatch watch = space.Run(() => new LinkWatch(loop, "near", InterfaceChoice.Find("near", AddressFamily.InterNetwork, needsMulticast: true).Index, changes.Add));
        Assert.True(watch.Carries);
        loop.Start("test");
        LinkState Next()
        {
            Assert.True(changes.TryTake(out LinkState state, TimeSpan.FromSeconds(10)));
            return state;
        }
        space.Command("ip link set far down");
        Assert.False(Next().Carries);
        space.Command("ip link set far up");
        Assert.True(Next().Carries);
        space.Command("ip link set near mtu 1300");
        Assert.Equal(1300, Next().MtuBytes);
        Assert.Equal(1, watch.CarrierLosses);
    }

    private static string Refusal(Func<object> act) => Assert.Throws<GroupTransportException>(act).Message;

    private static NetworkUse Open(GroupSettings settings)
    {
        InterfaceChoice choice = InterfaceChoice.Find(settings.Interface, AddressFamily.InterNetwork, needsMulticast: true);
        return new NetworkUse(settings, choice, DatagramSockets.Open(settings, choice, portOffset: 0));
    }

    private sealed record NetworkUse(GroupSettings Settings, InterfaceChoice Choice, DatagramSockets Sockets) : IDisposable
    {
        public void Dispose() => Sockets.Dispose();
    }
}

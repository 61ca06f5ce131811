using System.Diagnostics;
using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Appliance.Cluster.Addresses;

/// <summary>Adding and removing addresses by rtnetlink (ARCHITECTURE section 6, takeover order).</summary>
public sealed class Virtual_addresses
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly ITestOutputHelper _output;

    public Virtual_addresses(ITestOutputHelper output) => _output = output;

    [RootFact, Trait("Demand", "A2")]
    public void Serve_as_soon_as_they_are_added_and_no_longer_when_removed()
    {
        using var pair = new HostAndClient();
        using VirtualAddressSet set = Prepare(pair, HostAndClient.Floating, HostAndClient.Floating6);
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        using var floating6 = new Pinger(pair.Client, HostAndClient.Floating6);

        Assert.Equal(new AddressOutcome(2, 0, 0, -1), set.Add());
        Assert.Equal([(HostAndClient.Floating, 32), (HostAndClient.Floating6, 128)], Carried(pair));
        Assert.True(floating.WaitForAnswer(Patience));
        Assert.True(floating6.WaitForAnswer(Patience));
        Assert.Equal(new AddressOutcome(0, 2, 0, -1), set.Add());

        Assert.Equal(new AddressOutcome(2, 0, 0, -1), set.Remove());
        Assert.Empty(Carried(pair));
        Assert.Equal(new AddressOutcome(0, 2, 0, -1), set.Remove());
    }

    [RootFact]
    public void Are_not_the_source_of_the_hosts_own_connections()
    {
        using var pair = new HostAndClient();
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Floating6);
        Assert.Contains($"src {HostAndClient.HostAddress} ", pair.Host.Ip($"route get {HostAndClient.ClientAddress}"), StringComparison.Ordinal);
        Assert.Contains($"src {HostAndClient.HostAddress6} ", pair.Host.Ip($"-6 route get {HostAndClient.ClientAddress6}"), StringComparison.Ordinal);
    }

    [RootFact]
    public void Hundreds_go_in_few_requests_and_nothing_is_allocated()
    {
        const int count = 300, rounds = 20;
        using var pair = new HostAndClient();
        IPAddress[] addresses = [.. Enumerable.Range(0, count).Select(static index => index % 2 == 0 ? new IPAddress([10, 72, (byte)(index >> 8), (byte)index]) : IPAddress.Parse($"fd72::{index:x}"))];
        using VirtualAddressSet many = Prepare(pair, addresses);
        using VirtualAddressSet two = Prepare(pair, HostAndClient.Floating, HostAndClient.Floating6);
        Assert.Equal(new AddressOutcome(count, 0, 0, -1), many.Add());
        Assert.Equal(addresses.ToHashSet(), Carried(pair).Select(static carried => carried.Address).ToHashSet());
        Assert.Equal(new AddressOutcome(count, 0, 0, -1), many.Remove());
        two.Add();
        two.Remove();

        var additions = new List<double>(rounds);
        var removals = new List<double>(rounds);
        long allocated = long.MaxValue; // in the round that allocates least: the runtime's own share falls into some
        for (int round = 0; round < rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            AddressOutcome added = two.Add();
            long middle = Stopwatch.GetTimestamp();
            AddressOutcome removed = two.Remove();
            long end = Stopwatch.GetTimestamp();
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal((2, 2), (added.Changed, removed.Changed));
            additions.Add(Stopwatch.GetElapsedTime(start, middle).TotalMicroseconds);
            removals.Add(Stopwatch.GetElapsedTime(middle, end).TotalMicroseconds);
        }
        Assert.Equal(0, allocated);
        _output.WriteLine($"IPv4 and IPv6 together: added in {Median(additions):F0} us, removed in {Median(removals):F0} us (medians of {rounds})");
    }

    [RootFact]
    public void One_that_fails_does_not_hold_up_the_others_and_is_named()
    {
        using var pair = new HostAndClient();
        pair.Host.Run(() => File.WriteAllText($"/proc/sys/net/ipv6/conf/{HostAndClient.HostLink}/disable_ipv6", "1"));
        using VirtualAddressSet set = Prepare(pair, HostAndClient.Floating6, HostAndClient.Floating);
        AddressOutcome outcome = set.Add();
        Assert.Equal(new AddressOutcome(1, 0, Errno.AccessDenied, 0), outcome);
        Assert.Equal("cannot change fd71::100 on front0: IPv6 is switched off there (sysctl -w net/ipv6/conf/front0/disable_ipv6=0)", set.Describe(outcome));
    }

    [RootFact]
    public void An_interface_that_is_not_there_or_no_longer_is_named()
    {
        using var pair = new HostAndClient();
        NetworkSetupException absent = Assert.Throws<NetworkSetupException>(() => pair.Host.Run(() => new VirtualAddressSet("eth9", [HostAndClient.Floating])));
        Assert.Equal((Errno.NoDevice, "there is no network interface 'eth9' (there are front0, lo)"), (absent.ErrorNumber, absent.Message));
        using VirtualAddressSet set = Prepare(pair, HostAndClient.Floating);
        pair.Host.Ip($"link del {HostAndClient.HostLink}");
        AddressOutcome outcome = set.Add();
        Assert.Equal(Errno.NoDevice, outcome.Error);
        Assert.Contains("is gone; was it made anew?", set.Describe(outcome), StringComparison.Ordinal);
    }

    [RootFact]
    public void A_links_state_is_looked_up()
    {
        using var pair = new HostAndClient();
        NetworkLink link = pair.LinkOfHost();
        Assert.Equal((HostAndClient.HostLink, true, true, 1500, true), (link.Name, link.IsUp, link.HasCarrier, link.MtuBytes, link.IsEthernet));
        Assert.Equal(pair.Host.Run(() => File.ReadAllText($"/proc/thread-self/net/dev")).Contains(HostAndClient.HostLink, StringComparison.Ordinal), link.Index > 0);
        Assert.Contains(HardwareAddress.From(link.HardwareAddress).ToString(), pair.Host.Ip($"link show {HostAndClient.HostLink}"), StringComparison.Ordinal);
        pair.Client.Ip($"link set {HostAndClient.ClientLink} down");
        Assert.Equal((true, false), (pair.LinkOfHost().IsUp, pair.LinkOfHost().HasCarrier));
        pair.Host.Ip($"link set {HostAndClient.HostLink} down");
        Assert.Equal((false, false), (pair.LinkOfHost().IsUp, pair.LinkOfHost().HasCarrier));
    }

    private static VirtualAddressSet Prepare(HostAndClient pair, params IPAddress[] addresses) => pair.Host.Run(() => new VirtualAddressSet(HostAndClient.HostLink, addresses));

    /// <summary>What the host's link carries beyond its own addresses.</summary>
    private static List<(IPAddress Address, int Bits)> Carried(HostAndClient pair) => pair.Host.Run(() =>
    {
        using var socket = new RouteSocket();
        IReadOnlyList<InterfaceAddress> all = AddressTable.List(socket, LinkTable.Find(socket, HostAndClient.HostLink).Index);
        Assert.DoesNotContain(all, static address => address.HasFailedDetection);
        return all.Where(static address => !address.Address.IsIPv6LinkLocal && !address.Address.Equals(HostAndClient.HostAddress) && !address.Address.Equals(HostAndClient.HostAddress6))
            .Select(static address => (address.Address, address.PrefixBits)).ToList();
    });

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}

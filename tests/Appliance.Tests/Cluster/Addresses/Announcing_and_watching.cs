using System.Collections.Concurrent;
using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Appliance.Cluster.Guard;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Addresses;

/// <summary>Announcements move the neighbours; conflicts are found at start and later.</summary>
public sealed class Announcing_and_watching
{
    private const string OldMac = "02:00:00:00:00:99";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly IPAddress[] Both = [HostAndClient.Floating, HostAndClient.Floating6];

    [RootFact, Trait("Demand", "A2")]
    public void Neighbours_that_knew_the_old_owner_turn_to_the_new_one_at_once()
    {
        using var pair = new HostAndClient();
        pair.AddToHost(Both);
        pair.WaitUntilConnected();
        foreach (IPAddress address in Both) pair.Client.Ip($"neigh replace {address} lladdr {OldMac} nud reachable dev {HostAndClient.ClientLink}");
        using Announcer announcer = Open(pair);
        Assert.Equal(0, announcer.Announce());
        Assert.Equal((3, 0), (announcer.FramesSent, announcer.FramesRefused));
        string mac = HardwareAddress.From(pair.LinkOfHost().HardwareAddress).ToString();
        foreach (IPAddress address in Both)
            Assert.True(SpinWait.SpinUntil(() => pair.Client.Ip($"neigh show {address}").Contains(mac, StringComparison.Ordinal), Patience), pair.Client.Ip("neigh show"));
    }

    [RootFact]
    public void A_node_without_the_lease_cannot_announce()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        pair.AddToHost(Both);
        using LeaseGuard guard = place.Install(pair, new GuardedService("s", Both));
        using Announcer announcer = Open(pair);
        Assert.Equal(Errno.NoBuffers, announcer.Announce());
        Assert.Equal((0, 3), (announcer.FramesSent, announcer.FramesRefused));
        Assert.Equal(3, guard.Dropped(0, GuardDirection.Egress));
        guard.Renew(0, Timestamp.Never);
        Assert.Equal(0, announcer.Announce());
        guard.Uninstall();
    }

    [RootFact]
    public void A_link_that_is_down_is_told_and_the_next_announcement_goes_out()
    {
        using var pair = new HostAndClient();
        using Announcer announcer = Open(pair);
        pair.Host.Ip($"link set {HostAndClient.HostLink} down");
        Assert.Equal(Errno.NetworkDown, announcer.Announce());
        pair.Host.Ip($"link set {HostAndClient.HostLink} up");
        Assert.Equal(0, announcer.Announce());
    }

    [RootFact]
    public void Announcing_allocates_nothing()
    {
        using var pair = new HostAndClient();
        using Announcer announcer = Open(pair);
        announcer.Announce();
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int time = 0; time < 100; time++) announcer.Announce();
        }));
    }

    [RootFact]
    public void An_address_that_exists_elsewhere_is_found_before_it_is_taken()
    {
        using var pair = new HostAndClient();
        IReadOnlyList<AddressConflict> Probe() => pair.Client.Run(() => ConflictProbe.Run(pair.LinkOfClient(), [.. Both, HostAndClient.Other], TimeSpan.FromMilliseconds(300)));
        pair.WaitUntilConnected();
        Assert.Empty(Probe());
        pair.AddToHost(Both);
        HardwareAddress owner = HardwareAddress.From(pair.LinkOfHost().HardwareAddress);
        IReadOnlyList<AddressConflict> conflicts = Probe();
        Assert.Equal(Both, conflicts.Select(static conflict => conflict.Address));
        Assert.All(conflicts, conflict => Assert.Equal(owner, conflict.Claimant));
        Assert.Equal($"{HostAndClient.Floating} is answered for by {owner}", conflicts[0].ToString());
    }

    [RootFact]
    public void A_watcher_tells_who_announces_or_probes_our_addresses_and_not_itself()
    {
        using var pair = new HostAndClient();
        using var loop = new EventLoop();
        pair.WaitUntilConnected();
        var reported = new ConcurrentQueue<AddressConflict>();
        NetworkLink watched = pair.LinkOfClient();
        using ConflictWatch watch = pair.Client.Run(() => new ConflictWatch(loop, watched, Both, reported.Enqueue));
        using Announcer own = pair.Client.Run(() => new Announcer(watched, Both, isRouter: false));
        using Announcer foreign = Open(pair);
        loop.Start("conflict-watch");
        HardwareAddress intruder = HardwareAddress.From(pair.LinkOfHost().HardwareAddress);
        try
        {
            own.Announce();
            foreign.Announce();
            pair.Host.Run(() => ConflictProbe.Run(pair.LinkOfHost(), Both, TimeSpan.FromMilliseconds(50)));
            (IPAddress, ConflictKind)[] expected = [.. Both.SelectMany(static address => new[] { (address, ConflictKind.Announced), (address, ConflictKind.Probed) })];
            Assert.True(SpinWait.SpinUntil(() => expected.All(claim => reported.Any(report => (report.Address, report.Kind) == claim)), Patience), string.Join("; ", reported));
            Assert.All(reported, report => Assert.Equal(intruder, report.Claimant));

            // The two ARP forms are one claim; said again within the second it is counted and not reported.
            int before = reported.Count;
            foreign.Announce();
            long claims = watch.Claims;
            foreign.Announce();
            Assert.True(SpinWait.SpinUntil(() => watch.Claims >= claims + 3, Patience));
            Assert.InRange(reported.Count, before, before + 2 * Both.Length);
        }
        finally
        {
            loop.RequestStop();
        }
    }

    [RootFact]
    public void A_secondary_watches_through_its_own_closed_guard()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        using var loop = new EventLoop();
        pair.WaitUntilConnected();
        using LeaseGuard guard = place.Install(pair, new GuardedService("s", Both));
        var reported = new ConcurrentQueue<AddressConflict>();
        NetworkLink watched = pair.LinkOfHost();
        using ConflictWatch watch = pair.Host.Run(() => new ConflictWatch(loop, watched, Both, reported.Enqueue));
        using Announcer primary = pair.Client.Run(() => new Announcer(pair.LinkOfClient(), Both, isRouter: false));
        foreach (IPAddress address in Both) pair.Host.Ip($"neigh replace {address} lladdr {OldMac} nud reachable dev {HostAndClient.HostLink}");
        loop.Start("conflict-watch");
        try
        {
            Assert.Equal(0, primary.Announce());
            Assert.True(SpinWait.SpinUntil(() => Both.All(address => reported.Any(report => report.Address.Equals(address))), Patience), string.Join("; ", reported));
            string mac = HardwareAddress.From(pair.LinkOfClient().HardwareAddress).ToString();
            foreach (IPAddress address in Both)
                Assert.True(SpinWait.SpinUntil(() => pair.Host.Ip($"neigh show {address}").Contains(mac, StringComparison.Ordinal), Patience), pair.Host.Ip("neigh show"));
        }
        finally
        {
            loop.RequestStop();
        }
        guard.Uninstall();
    }

    private static Announcer Open(HostAndClient pair)
    {
        NetworkLink link = pair.LinkOfHost();
        return pair.Host.Run(() => new Announcer(link, Both, isRouter: false));
    }
}

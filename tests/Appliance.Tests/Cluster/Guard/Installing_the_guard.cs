using System.Diagnostics;
using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Cluster.Guard;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;
using Xunit.Abstractions;

namespace Appliance.Tests.Appliance.Cluster.Guard;

/// <summary>Installing, taking over, verifying and removing.</summary>
public sealed class Installing_the_guard
{
    private static readonly GuardedService Service = new("s", [HostAndClient.Floating, HostAndClient.Floating6]);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly ITestOutputHelper _output;

    public Installing_the_guard(ITestOutputHelper output) => _output = output;

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void Again_and_again_leaves_one_guard_and_no_moment_without_it(string attachment)
    {
        const int installations = 25;
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Floating6);
        place.Install(pair, Service).Dispose();
        Timestamp closedSince = EventLoop.ReadClock();
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        using var floating6 = new Pinger(pair.Client, HostAndClient.Floating6);
        int pins = Directory.GetFiles(place.Directory).Length, filters = Attached(pair);
        for (int installation = 0; installation < installations; installation++)
        {
            using LeaseGuard again = place.Install(pair, Service);
            Assert.Empty(pair.Host.Run(again.Verify));
        }
        Timestamp end = EventLoop.ReadClock();
        floating.PingUntil(end);
        floating6.PingUntil(end);

        Assert.Equal(pins, Directory.GetFiles(place.Directory).Length);
        Assert.Equal(filters, Attached(pair));
        Assert.Equal(0, floating.Between(closedSince, end).Answered);
        Assert.Equal(0, floating6.Between(closedSince, end).Answered);
        using LeaseGuard last = place.Install(pair, Service);
        last.Renew(0, Timestamp.Never);
        Assert.True(floating.WaitForAnswer(Patience));
        last.Uninstall();
        Assert.False(Directory.Exists(place.Directory));
        Assert.Equal(0, Attached(pair));
        Assert.DoesNotContain("clsact", Tc(pair, "qdisc", "show", "dev", HostAndClient.HostLink), StringComparison.Ordinal);
    }

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx), nameof(GuardAttachment.Clsact))]
    [InlineData(nameof(GuardAttachment.Clsact), nameof(GuardAttachment.Tcx))]
    public void Changes_from_one_attachment_to_the_other_and_stays_closed(string first, string second)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(first));
        pair.AddToHost(HostAndClient.Floating);
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        using (LeaseGuard before = place.Install(pair, Service))
        {
            Assert.Equal(Enum.Parse<GuardAttachment>(first), before.Attachment);
            before.Renew(0, Timestamp.Never);
            Assert.True(floating.WaitForAnswer(Patience));
        }
        Timestamp closed;
        using (LeaseGuard after = pair.Host.Run(() => LeaseGuard.Install(place.Options with { Attachment = Enum.Parse<GuardAttachment>(second) }, [HostAndClient.HostLink], [Service])))
        {
            closed = EventLoop.ReadClock();
            Assert.Empty(pair.Host.Run(after.Verify));
            Assert.Equal(new Timestamp(0), after.Deadline(0));
            Assert.Equal(second == nameof(GuardAttachment.Clsact), Tc(pair, "filter", "show", "dev", HostAndClient.HostLink, "egress").Contains("appliance-guard", StringComparison.Ordinal));
            Assert.Equal(second == nameof(GuardAttachment.Tcx) ? 2 : 0, Directory.GetFiles(place.Directory, "link-*").Length);
            Timestamp end = closed + TimeSpan.FromMilliseconds(200);
            floating.PingUntil(end);
            Assert.Equal(0, floating.Between(closed, end).Answered);
            after.Uninstall();
        }
        Assert.True(floating.WaitForAnswer(Patience));
    }

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void Follows_the_configuration_when_services_and_addresses_change(string attachment)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        pair.AddToHost(HostAndClient.Floating, HostAndClient.Other);
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        using var other = new Pinger(pair.Client, HostAndClient.Other);
        place.Install(pair, new GuardedService("a", [HostAndClient.Floating])).Dispose();
        Assert.True(other.WaitForAnswer(Patience));

        using LeaseGuard guard = place.Install(pair, new GuardedService("b", [HostAndClient.Other]), new GuardedService("a", [HostAndClient.Floating]));
        guard.Renew(1, Timestamp.Never);
        Timestamp from = EventLoop.ReadClock(), until = from + TimeSpan.FromMilliseconds(150);
        Assert.True(floating.WaitForAnswer(Patience));
        other.PingUntil(until);
        Assert.Equal(0, other.Between(from, until).Answered);
        guard.Uninstall();
    }

    [RootTheory]
    [InlineData(nameof(GuardAttachment.Tcx))]
    [InlineData(nameof(GuardAttachment.Clsact))]
    public void Guards_an_interface_that_was_made_anew(string attachment)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(Enum.Parse<GuardAttachment>(attachment));
        using (LeaseGuard before = place.Install(pair, Service))
        {
            pair.Host.Ip($"link del {HostAndClient.HostLink}");
            Assert.NotEmpty(pair.Host.Run(before.Verify));
        }
        pair.Connect();
        pair.AddToHost(HostAndClient.Floating);
        using LeaseGuard guard = place.Install(pair, Service);
        Assert.Empty(pair.Host.Run(guard.Verify));
        using var floating = new Pinger(pair.Client, HostAndClient.Floating);
        Timestamp from = EventLoop.ReadClock(), until = from + TimeSpan.FromMilliseconds(150);
        floating.PingUntil(until);
        Assert.Equal(0, floating.Between(from, until).Answered);
        guard.Renew(0, Timestamp.Never);
        Assert.True(floating.WaitForAnswer(Patience));
        guard.Uninstall();
    }

    [RootFact]
    public void Verify_tells_when_someone_removed_the_guard_or_stands_before_it()
    {
        using var pair = new HostAndClient();
        using (var place = new GuardPlace(GuardAttachment.Clsact))
        using (LeaseGuard guard = place.Install(pair, Service))
        {
            Tc(pair, "filter", "del", "dev", HostAndClient.HostLink, "ingress");
            string wrong = Assert.Single(pair.Host.Run(guard.Verify));
            Assert.Contains("filter on front0 is gone", wrong, StringComparison.Ordinal);
            guard.Uninstall();
        }
        using (var place = new GuardPlace(GuardAttachment.Tcx))
        using (var intruderPlace = new GuardPlace(GuardAttachment.Tcx))
        using (LeaseGuard guard = place.Install(pair, Service))
        using (LeaseGuard intruder = intruderPlace.Install(pair, Service))
        {
            string wrong = Assert.Single(pair.Host.Run(guard.Verify));
            Assert.Contains("another program stands before the guard on front0", wrong, StringComparison.Ordinal);
            guard.Dispose();
            using LeaseGuard firstAgain = place.Install(pair, Service);
            Assert.Empty(pair.Host.Run(firstAgain.Verify));
            File.Delete(Directory.GetFiles(place.Directory, "link-*-egress").Single());
            Assert.Contains("someone removed it", Assert.Single(pair.Host.Run(firstAgain.Verify)), StringComparison.Ordinal);
            firstAgain.Uninstall();
            intruder.Uninstall();
        }
    }

    [RootFact]
    public void Leaves_other_peoples_filters_and_disciplines_alone()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Clsact);
        Tc(pair, "qdisc", "add", "dev", HostAndClient.HostLink, "clsact");
        Tc(pair, "filter", "add", "dev", HostAndClient.HostLink, "ingress", "pref", "7", "u32", "match", "u32", "0", "0");
        using (LeaseGuard guard = place.Install(pair, Service))
        {
            Assert.Empty(pair.Host.Run(guard.Verify));
            guard.Uninstall();
        }
        string filters = Tc(pair, "filter", "show", "dev", HostAndClient.HostLink, "ingress");
        Assert.Contains("pref 7", filters, StringComparison.Ordinal);
        Assert.DoesNotContain("appliance-guard", filters, StringComparison.Ordinal);
        Assert.Contains("clsact", Tc(pair, "qdisc", "show", "dev", HostAndClient.HostLink), StringComparison.Ordinal);

        Tc(pair, "filter", "del", "dev", HostAndClient.HostLink, "ingress");
        Tc(pair, "filter", "add", "dev", HostAndClient.HostLink, "ingress", "pref", "1", "u32", "match", "u32", "0", "0");
        GuardException refused = Assert.Throws<GuardException>(() => place.Install(pair, Service));
        Assert.Contains("front0 as a clsact filter of preference 1", refused.Message, StringComparison.Ordinal);
    }

    [RootFact]
    public void Says_in_one_sentence_what_is_wrong_with_a_request()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        pair.Host.Ip("tuntap add tun9 mode tun");
        GuardException Refused(string[] links, params GuardedService[] services) => Assert.Throws<GuardException>(() => pair.Host.Run(() => LeaseGuard.Install(place.Options, links, services)));

        Assert.Equal(GuardFault.UnusableLink, Refused(["eth9"], Service).Fault);
        Assert.Equal("cannot guard eth9: there is no network interface 'eth9' (there are front0, lo, tun9)", Refused(["eth9"], Service).Message);
        Assert.Equal(GuardFault.UnusableLink, Refused(["tun9"], Service).Fault);
        Assert.Equal(GuardFault.BadRequest, Refused([], Service).Fault);
        Assert.Equal((GuardFault.BadRequest, "10.71.0.100 belongs to the services s and t: each address has one lease"), Outcome(Refused([HostAndClient.HostLink], Service, new GuardedService("t", [HostAndClient.Floating]))));
        Assert.Equal(GuardFault.BadRequest, Refused([HostAndClient.HostLink], new GuardedService("t", [IPAddress.Parse("fe80::1")])).Fault);
        Assert.Equal(GuardFault.BadRequest, Refused([HostAndClient.HostLink], [.. Enumerable.Range(0, 65).Select(static index => new GuardedService($"s{index}", []))]).Fault);
        Assert.False(Directory.Exists(place.Options.PinPath));
    }

    [RootFact]
    public void Carries_as_many_services_and_addresses_as_it_promises()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        GuardedService[] services = [.. Enumerable.Range(0, GuardMaps.MaxServices).Select(static service => new GuardedService($"s{service}",
            [.. Enumerable.Range(0, GuardMaps.MaxAddresses / GuardMaps.MaxServices).Select(index => new IPAddress([10, 71, (byte)(100 + service), (byte)index]))]))];
        place.Install(pair, services).Dispose();
        // All the others at once: the map has room for one set only.
        GuardedService[] others = [.. services.Select(static service => service with { Addresses = [.. service.Addresses.Select(static address => address.MapToIPv6()).Select(static (_, index) => IPAddress.Parse($"fd71::{index + 1:x}"))] })];
        GuardException refused = Assert.Throws<GuardException>(() => place.Install(pair, others));
        Assert.Equal(GuardFault.BadRequest, refused.Fault);
        GuardedService[] distinct = [.. services.Select(static (service, slot) => service with { Addresses = [.. service.Addresses.Select((_, index) => IPAddress.Parse($"fd71:{slot + 1:x}::{index + 1:x}"))] })];
        using LeaseGuard guard = place.Install(pair, distinct);
        guard.Renew(GuardMaps.MaxServices - 1, Timestamp.Never);
        Assert.Equal(Timestamp.Never, guard.Deadline(GuardMaps.MaxServices - 1));
        Assert.Throws<InvalidOperationException>(() => guard.Renew(GuardMaps.MaxServices, Timestamp.Never));
        Assert.Throws<InvalidOperationException>(() => guard.Renew(-1, Timestamp.Never));
        guard.Uninstall();
        Assert.Throws<InvalidOperationException>(() => guard.Renew(0, Timestamp.Never));
    }

    [RootFact]
    public void Renewing_allocates_nothing()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        using LeaseGuard guard = place.Install(pair, Service);
        guard.Renew(0, new Timestamp(1));
        Assert.Equal(0, Allocated.Least(() =>
        {
            for (int renewal = 0; renewal < 10_000; renewal++) guard.Renew(0, new Timestamp(renewal));
        }));
        const int timed = 1_000_000;
        long start = Stopwatch.GetTimestamp();
        for (int renewal = 0; renewal < timed; renewal++) guard.Renew(0, new Timestamp(renewal));
        _output.WriteLine($"a renewal takes {Stopwatch.GetElapsedTime(start).TotalNanoseconds / timed:F1} ns");
        guard.Uninstall();
    }

    [RootFact]
    public void The_probe_tries_the_guard_and_leaves_nothing()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        foreach (GuardAttachment attachment in new[] { GuardAttachment.Tcx, GuardAttachment.Clsact })
        {
            GuardProbe probe = GuardProbe.Run(place.Options with { Attachment = attachment });
            Assert.True(probe.CanCarry, string.Join("; ", probe.Findings.Where(static finding => !finding.IsGood)));
            Assert.Equal(attachment, probe.Attachment);
            Assert.Equal($"a packet was dropped and a packet passed by {attachment}", probe.Findings[^1].Detail);
            Assert.False(Directory.Exists(place.Options.PinPath));
        }
        place.Install(pair, Service).Dispose();
        Assert.True(GuardProbe.Run(place.Options).CanCarry);
        Assert.Equal([place.Directory], Directory.GetDirectories(place.Options.PinPath));  // the bpffs of an installed guard stays
    }

    [RootFact]
    public void The_bpffs_of_a_trial_goes_although_other_threads_start_processes()
    {
        const int rounds = 1000; // one of a hundred meets such a child
        using var place = new GuardPlace(GuardAttachment.Automatic);
        bool stop = false;
        var starting = new Thread(() =>
        {
            while (!Volatile.Read(ref stop)) TestNamespace.Command("true"); // between fork and exec it shares every descriptor
        });
        starting.Start();
        int left = 0;
        for (int round = 0; round < rounds; round++)
        {
            using (GuardPins pins = GuardPins.Open(place.Options)) pins.RemoveAll();
            GuardPins.GiveBack(place.Options.PinPath, wasMounted: false);
            if (Directory.Exists(place.Options.PinPath)) left++;
            place.Dispose();
        }
        Volatile.Write(ref stop, true);
        starting.Join();
        Assert.Equal(0, left);
    }

    [RootFact]
    public void The_bpffs_of_a_trial_stays_while_another_guard_uses_it()
    {
        using var place = new GuardPlace(GuardAttachment.Automatic);
        using GuardPins other = GuardPins.Open(place.Options);
        GuardPins.GiveBack(place.Options.PinPath, wasMounted: false);
        Assert.True(GuardPins.IsMounted(place.Options.PinPath));
    }

    [RootTheory]
    [InlineData("-net_admin,-sys_admin", "MissingCapability", "CAP_NET_ADMIN")]
    [InlineData("-bpf,-sys_admin", "MissingCapability", "CAP_BPF")]
    public void Names_the_capability_that_is_missing(string dropped, string fault, string capability)
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        place.Install(pair, Service).Dispose();                                  // so that the bpffs is there
        using var holder = new GuardHolder(pair.Host, place.Options, HostAndClient.HostLink, TimeSpan.FromSeconds(1), dropped, HostAndClient.Floating);
        Assert.StartsWith(fault + ": ", holder.FirstLine, StringComparison.Ordinal);
        Assert.Contains($"lacks {capability};", holder.FirstLine, StringComparison.Ordinal);
    }

    [RootFact]
    public void Refuses_a_bpffs_that_ends_with_the_process()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        // A mount namespace of its own, as `ip netns exec` makes one.
        using var holder = new GuardHolder(pair.Host, place.Options, HostAndClient.HostLink, TimeSpan.FromSeconds(1), GuardHolder.PrivateMounts, HostAndClient.Floating);
        Assert.StartsWith("BpfFileSystemMissing: ", holder.FirstLine, StringComparison.Ordinal);
        Assert.Contains("mount namespace alone", holder.FirstLine, StringComparison.Ordinal);
    }

    [RootFact]
    public void A_node_without_the_lease_uses_the_service_of_another()
    {
        using var pair = new HostAndClient();
        using var place = new GuardPlace(GuardAttachment.Automatic);
        using LeaseGuard guard = place.Install(pair, Service);
        pair.Client.Run(() =>
        {
            using var set = new VirtualAddressSet(HostAndClient.ClientLink, [HostAndClient.Floating, HostAndClient.Floating6]);
            Assert.True(set.Add().IsComplete);
        });
        using var floating = new Pinger(pair.Host, HostAndClient.Floating);
        using var floating6 = new Pinger(pair.Host, HostAndClient.Floating6);
        Assert.True(floating.WaitForAnswer(Patience));
        Assert.True(floating6.WaitForAnswer(Patience));
        guard.Uninstall();
    }

    private static (GuardFault Fault, string Message) Outcome(GuardException exception) => (exception.Fault, exception.Message);

    /// <summary>Programs and filters that hang on the host's link.</summary>
    private static int Attached(HostAndClient pair) => pair.Host.Run(() =>
    {
        Span<uint> ids = stackalloc uint[64];
        using var socket = new RouteSocket();
        int index = LinkTable.Find(socket, HostAndClient.HostLink).Index, count = 0;
        foreach (int hook in new[] { Bpf.TcxIngress, Bpf.TcxEgress }) count += Bpf.QueryTcx(index, hook, ids);
        foreach (string hook in new[] { "ingress", "egress" }) count += Tc(pair, "filter", "show", "dev", HostAndClient.HostLink, hook).Split("appliance-guard").Length - 1;
        return count;
    });

    private static string Tc(HostAndClient pair, params string[] arguments) => TestNamespace.Command("tc", ["-n", pair.Host.Name, .. arguments]);
}

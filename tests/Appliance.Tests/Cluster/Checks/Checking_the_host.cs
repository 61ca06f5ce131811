using System.Net;
using Appliance.Cluster.Checks;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Cluster.Checks;

/// <summary>Settings of the host that failover depends on, and the exact line to fix each.</summary>
public sealed class Checking_the_host : IDisposable
{
    private static readonly IPAddress[] Addresses = [HostAndClient.Floating, HostAndClient.Floating6];
    private readonly string _root = Directory.CreateTempSubdirectory("appliance-settings").FullName;

    [RootFact]
    public void Every_remedy_makes_its_finding_good()
    {
        using var pair = new HostAndClient();
        string[] spoilt =
        [
            $"net/ipv4/conf/{HostAndClient.HostLink}/rp_filter=1", "net/ipv4/conf/all/arp_ignore=0", "net/ipv4/conf/all/arp_announce=0", $"net/ipv4/conf/{HostAndClient.HostLink}/drop_gratuitous_arp=1",
            $"net/ipv6/conf/{HostAndClient.HostLink}/disable_ipv6=1", $"net/ipv6/conf/{HostAndClient.HostLink}/drop_unsolicited_na=1", "net/ipv4/ip_nonlocal_bind=0",
            "net/netfilter/nf_conntrack_tcp_be_liberal=0", "net/netfilter/nf_conntrack_tcp_loose=0",
        ];
        foreach (string setting in spoilt) Set(pair, setting);
        IReadOnlyList<HostFinding> before = Run(pair);
        foreach (string setting in spoilt)
        {
            HostFinding finding = Assert.Single(before, finding => finding.Setting == setting.Split('=')[0].Replace('/', '.'));
            Assert.NotEqual(CheckSeverity.Good, finding.Severity);
            Assert.Equal(setting.Split('=')[1], finding.Found);
        }
        foreach (HostFinding finding in before.Where(static finding => finding.Severity != CheckSeverity.Good))
        {
            string[] command = finding.Remedy.Split(' ');
            Assert.Equal(["sysctl", "-w"], command[..2]);
            Set(pair, command[2]);
        }
        Assert.All(Run(pair), static finding => Assert.Equal((CheckSeverity.Good, ""), (finding.Severity, finding.Remedy)));
    }

    [Fact]
    public void The_higher_of_all_and_the_links_own_counts()
    {
        Write("net/ipv4/conf/all/rp_filter", 1);
        Write("net/ipv4/conf/eth0/rp_filter", 0);
        Write("net/ipv4/conf/eth1/rp_filter", 2);
        IReadOnlyList<HostFinding> findings = HostChecks.Run(["eth0", "eth1"], [], _root);
        Assert.Equal(("1", CheckSeverity.Warning, "sysctl -w net.ipv4.conf.eth0.rp_filter=2"), Of(findings, "net.ipv4.conf.eth0.rp_filter"));
        Assert.Equal(("2", CheckSeverity.Good, ""), Of(findings, "net.ipv4.conf.eth1.rp_filter"));
    }

    [Fact]
    public void A_link_with_a_dot_in_its_name_gets_a_command_that_works()
    {
        Write("net/ipv4/conf/all/rp_filter", 0);
        Write("net/ipv4/conf/eth0.100/rp_filter", 1);
        HostFinding finding = HostChecks.Run(["eth0.100"], [], _root)[0];
        Assert.Equal("sysctl -w net/ipv4/conf/eth0.100/rp_filter=2", finding.Remedy);
    }

    [Fact]
    public void A_full_connection_table_is_told()
    {
        Write("net/netfilter/nf_conntrack_max", 1000);
        Write("net/netfilter/nf_conntrack_count", 950);
        Assert.Equal(("1000, 950 in use", CheckSeverity.Warning, "sysctl -w net.netfilter.nf_conntrack_max=2000"), Of(HostChecks.Run([], [], _root), "net.netfilter.nf_conntrack_max"));
    }

    [Fact]
    public void A_kernel_without_connection_tracking_is_good() => Assert.Equal(("not loaded", CheckSeverity.Good, ""), Of(HostChecks.Run([], [], _root), "nf_conntrack"));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static (string Found, CheckSeverity Severity, string Remedy) Of(IReadOnlyList<HostFinding> findings, string setting)
    {
        HostFinding finding = Assert.Single(findings, finding => finding.Setting == setting);
        return (finding.Found, finding.Severity, finding.Remedy);
    }

    private static IReadOnlyList<HostFinding> Run(HostAndClient pair) => pair.Host.Run(() => HostChecks.Run([HostAndClient.HostLink], Addresses));

    private static void Set(HostAndClient pair, string assignment) =>
        TestNamespace.Command("nsenter", $"--net=/run/netns/{pair.Host.Name}", "sysctl", "-q", "-w", assignment);

    private void Write(string setting, long value)
    {
        string path = Path.Combine(_root, setting);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $"{value}\n");
    }
}

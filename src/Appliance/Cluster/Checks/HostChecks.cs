using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Appliance.Interop;

namespace Appliance.Cluster.Checks;

/// <summary>Looks at the settings of this host that failover depends on (Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst), with the exact line to fix each.</summary>
internal static class HostChecks
{
    /// <summary>Looks at everything.</summary>
    /// <param name="links">The links that carry floating addresses.</param>
    /// <param name="addresses">The floating addresses.</param>
    /// <param name="root">/proc/sys, or a copy for tests.</param>
    /// <returns>One finding per setting that this kernel has, good ones too. Of the calling thread's network namespace.</returns>
    internal static IReadOnlyList<HostFinding> Run(IReadOnlyList<string> links, IReadOnlyList<IPAddress> addresses, string root = "/proc/sys")
    {
        var settings = new SystemSettings(root);
        var findings = new List<HostFinding>();
        foreach (string link in links.Distinct(StringComparer.Ordinal))
        {
            ReversePath(settings, link, findings);
            Highest(settings, link, "arp_ignore", 1, CheckSeverity.Warning, "the kernel answers for a floating address on every link, also on those that the guard does not watch", findings);
            Highest(settings, link, "arp_announce", 2, CheckSeverity.Advice, "the kernel asks for neighbours with a floating address as the sender, which teaches them an owner", findings);
            Forbidden(settings, $"net/ipv4/conf/{link}/drop_gratuitous_arp", "net/ipv4/conf/all/drop_gratuitous_arp", "this node does not learn where a floating address went", findings);
            if (addresses.Any(static address => address.AddressFamily == AddressFamily.InterNetworkV6)) OfIpv6(settings, link, findings);
        }
        BindBefore(settings, addresses, findings);
        Conntrack(settings, findings);
        return findings;
    }

    /// <summary>The kernel takes the higher of "all" and the link's own (IN_DEV_RPFILTER); 2 is the loose test, 1 the strict one.</summary>
    private static void ReversePath(SystemSettings settings, string link, List<HostFinding> findings)
    {
        string setting = $"net/ipv4/conf/{link}/rp_filter";
        if (settings.Read(setting) is not { } own) return;
        long effective = Math.Max(own, settings.Read("net/ipv4/conf/all/rp_filter") ?? 0);
        Add(findings, setting, effective, effective != 1, CheckSeverity.Warning, "the strict test drops packets of clients whose way back leads over another link", 2);
    }

    /// <summary>Settings of which the kernel takes the higher of "all" and the link's own (IN_DEV_MAXCONF); set for all, because it is other links that give a wrong answer.</summary>
    private static void Highest(SystemSettings settings, string link, string name, long wanted, CheckSeverity severity, string why, List<HostFinding> findings)
    {
        string all = $"net/ipv4/conf/all/{name}";
        if (settings.Read($"net/ipv4/conf/{link}/{name}") is null || settings.Read(all) is not { } effective || findings.Exists(finding => finding.Setting == SystemSettings.NameOf(all))) return;
        Add(findings, all, effective, effective >= wanted, severity, why, wanted);
    }

    /// <summary>Settings that take effect when either of two is on (IN_DEV_ORCONF).</summary>
    private static void Forbidden(SystemSettings settings, string own, string all, string why, List<HostFinding> findings)
    {
        string at = settings.Read(own) is not 0 and not null ? own : settings.Read(all) is not 0 and not null ? all : own;
        if (settings.Read(at) is { } value) Add(findings, at, value, value == 0, CheckSeverity.Warning, why, 0);
    }

    private static void OfIpv6(SystemSettings settings, string link, List<HostFinding> findings)
    {
        string disabled = $"net/ipv6/conf/{link}/disable_ipv6", keep = $"net/ipv6/conf/{link}/keep_addr_on_down";
        if (settings.Read(disabled) is { } value) Add(findings, disabled, value, value == 0, CheckSeverity.Error, "IPv6 is switched off on the link, and the service has IPv6 addresses", 0);
        else findings.Add(new HostFinding(SystemSettings.NameOf(disabled), "absent", CheckSeverity.Error, "this kernel has no IPv6, or no such link, and the service has IPv6 addresses", "modprobe ipv6"));
        if (settings.Read(keep) is { } kept) Add(findings, keep, kept, kept != 0, CheckSeverity.Advice, "switching the link off and on loses its IPv6 addresses", 1);
        Forbidden(settings, $"net/ipv6/conf/{link}/drop_unsolicited_na", $"net/ipv6/conf/all/drop_unsolicited_na", "this node does not learn where a floating address went", findings);
    }

    /// <summary>Our listeners bind with IP_FREEBIND before the address is here; tried, not assumed. Other programs need the setting.</summary>
    private static void BindBefore(SystemSettings settings, IReadOnlyList<IPAddress> addresses, List<HostFinding> findings)
    {
        foreach (AddressFamily family in new[] { AddressFamily.InterNetwork, AddressFamily.InterNetworkV6 })
        {
            IPAddress? address = addresses.FirstOrDefault(address => address.AddressFamily == family);
            if (address is null) continue;
            string? refusal = FreeBindRefusal(address);
            string option = family == AddressFamily.InterNetwork ? "IP_FREEBIND" : "IPV6_FREEBIND";
            findings.Add(new HostFinding(option, refusal ?? "works", refusal is null ? CheckSeverity.Good : CheckSeverity.Error, $"listeners bind to {address} before it is here", refusal is null ? "" : "use Linux 4.15 or later, or unload the security module that forbids it"));
            string setting = family == AddressFamily.InterNetwork ? "net/ipv4/ip_nonlocal_bind" : "net/ipv6/ip_nonlocal_bind";
            if (settings.Read(setting) is { } value) Add(findings, setting, value, value != 0, CheckSeverity.Advice, "other programs behind a floating address, such as HAProxy or nginx, can only start where the address is", 1);
        }
    }

    private static void Conntrack(SystemSettings settings, List<HostFinding> findings)
    {
        const string limit = "net/netfilter/nf_conntrack_max", liberal = "net/netfilter/nf_conntrack_tcp_be_liberal", loose = "net/netfilter/nf_conntrack_tcp_loose";
        if (settings.Read(limit) is not { } most)
        {
            findings.Add(new HostFinding("nf_conntrack", "not loaded", CheckSeverity.Good, "no firewall of this host keeps track of connections", ""));
            return;
        }
        long count = settings.Read("net/netfilter/nf_conntrack_count") ?? 0;
        bool roomy = most == 0 || count < most / 10 * 8;
        findings.Add(new HostFinding(SystemSettings.NameOf(limit), string.Create(CultureInfo.InvariantCulture, $"{most}, {count} in use"), roomy ? CheckSeverity.Good : CheckSeverity.Warning,
            "a full table drops new connections, and a takeover brings many at once", roomy ? "" : SystemSettings.Command(limit, most * 2)));
        if (settings.Read(liberal) is { } isLiberal) Add(findings, liberal, isLiberal, isLiberal != 0, CheckSeverity.Warning, "packets of a connection that comes from another node count as invalid, and firewalls drop those", 1);
        if (settings.Read(loose) is { } isLoose) Add(findings, loose, isLoose, isLoose != 0, CheckSeverity.Warning, "a connection that comes from another node is not taken into the table, and firewalls drop it", 1);
    }

    /// <summary>Binds as a listener does (TcpAcceptor), and lets go.</summary>
    private static string? FreeBindRefusal(IPAddress address)
    {
        var name = new SocketAddressBytes(new IPEndPoint(address, 0));
        int descriptor = Sockets.Create(name.Family);
        if (descriptor < 0) return Errno.Text(descriptor);
        int error = Sockets.PrepareToListen(descriptor, name.Family);
        if (error == 0) error = Sockets.Bind(descriptor, name);
        Sockets.Close(descriptor);
        return error == 0 ? null : Errno.Text(error);
    }

    private static void Add(List<HostFinding> findings, string setting, long value, bool isGood, CheckSeverity severity, string why, long wanted) =>
        findings.Add(new HostFinding(SystemSettings.NameOf(setting), value.ToString(CultureInfo.InvariantCulture), isGood ? CheckSeverity.Good : severity, why, isGood ? "" : SystemSettings.Command(setting, wanted)));
}

using System.Net;
using System.Net.Sockets;
using Appliance.Cluster.Addresses;
using Appliance.Interop;
using Appliance.Multicast;

namespace Appliance.Cluster.Guard;

/// <summary>Whether this host can carry the lease guard, and what to do when it cannot.</summary>
internal sealed class GuardProbe
{
    private static readonly IPAddress Fenced = IPAddress.Parse("127.71.0.1");
    private readonly List<GuardFinding> _findings = [];

    private GuardProbe()
    {
    }

    /// <summary>What was looked at, in order; the first that is not good usually explains the others.</summary>
    internal IReadOnlyList<GuardFinding> Findings => _findings;

    /// <summary>The guard can be installed here.</summary>
    internal bool CanCarry => _findings.TrueForAll(static finding => finding.IsGood);

    /// <summary>How it would be attached.</summary>
    internal GuardAttachment Attachment { get; private set; }

    /// <summary>Looks, and where permitted tries: installs a guard on the loopback link of a network namespace that exists for the trial alone, sees it drop and pass a packet, and removes it. Nothing
    /// remains: not even the bpffs, if it had to be mounted.</summary>
    /// <param name="options">As they will be used.</param>
    internal static GuardProbe Run(GuardOptions options)
    {
        var probe = new GuardProbe();
        probe.Look(options);
        if (probe.CanCarry) probe.Try(options);
        return probe;
    }

    private void Look(GuardOptions options)
    {
        Add("boot clock", BootClock.Offset() is { } offset ? $"a time namespace shifts this process's boot clock by {offset}: start it outside" : null, "the kernel's own");
        Add("capabilities", Capabilities.MissingForGuard() is { } missing ? $"the process lacks {missing}: start it as root, or grant it (systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN)" : null, "CAP_BPF and CAP_NET_ADMIN");
        if (!CanCarry) return;
        Attachment = options.Attachment != GuardAttachment.Automatic ? options.Attachment : TcxHook.IsSupported() ? GuardAttachment.Tcx : GuardAttachment.Clsact;
        Add("kernel", Refusal(LeaseGuard.TryPrograms), "takes the guard's maps and programs");
        Add("bpffs", GuardPins.Obstacle(options.PinPath), $"at {options.PinPath}, or mounted when needed");
    }

    private void Try(GuardOptions options)
    {
        var trial = options with { Name = $"probe-{Environment.ProcessId}-{Guid.NewGuid():n}", Attachment = Attachment };
        string? obstacle = null;
        bool permitted = true, wasMounted = GuardPins.IsMounted(options.PinPath), wasThere = Directory.Exists(options.PinPath);
        var thread = new Thread(() =>
        {
            int unshared = NetworkNamespaces.Unshare();
            permitted = unshared >= 0;
            if (permitted) obstacle = Refusal(() => Trial(trial));
        });
        thread.Start();
        thread.Join();
        if (permitted && !(wasMounted && wasThere)) GuardPins.GiveBack(options.PinPath, wasMounted);
        Add("trial", obstacle, permitted ? $"a packet was dropped and a packet passed by {Attachment}" : "not made, it needs CAP_SYS_ADMIN");
    }

    /// <summary>Runs in the throw-away namespace.</summary>
    private static void Trial(GuardOptions options)
    {
        using (var route = new RouteSocket())
        {
            int error = LinkTable.SwitchOn(route, LinkTable.Find(route, "lo"));
            if (error != 0) throw new GuardException(GuardFault.Refused, $"cannot switch on the trial's loopback link: {Errno.Text(error)}");
        }
        using LeaseGuard guard = LeaseGuard.Install(options, ["lo"], [new GuardedService("trial", [Fenced])]);
        try
        {
            using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1000 };
            receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            sender.Bind(new IPEndPoint(Fenced, 0));
            sender.SendTo([0], receiver.LocalEndPoint!);
            if (guard.Dropped(0, GuardDirection.Egress) != 1) throw new GuardException(GuardFault.Refused, "the guard did not drop a packet without a lease");
            guard.Renew(0, Timestamp.Never);
            byte[] packet = new byte[2];
            sender.SendTo([1], receiver.LocalEndPoint!);
            if (receiver.Receive(packet) != 1 || packet[0] != 1) throw new GuardException(GuardFault.Refused, "the guard did not let the right packet pass with a lease");
        }
        finally
        {
            guard.Uninstall();
        }
    }

    private static string? Refusal(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception exception) when (exception is GuardException or NetworkSetupException or SocketException)
        {
            return exception.Message;
        }
    }

    private void Add(string what, string? obstacle, string good) => _findings.Add(new GuardFinding(what, obstacle is null, obstacle ?? good));
}

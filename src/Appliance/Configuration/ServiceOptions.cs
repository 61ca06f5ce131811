using System.Net;
using Appliance.Cluster.Elections;

namespace Appliance.Configuration;

/// <summary>How clients' traffic is brought to the primary.</summary>
public enum AddressMode
{
    /// <summary>The primary adds the addresses to its card and announces them by ARP and neighbour discovery.</summary>
    Arp,

    /// <summary>As arp; besides, a command tells what routes the traffic, for example a cloud's interface, where the addresses are.</summary>
    Hook,

    /// <summary>Something else brings the traffic here: the addresses are only listened on.</summary>
    None,
}

/// <summary>[service NAME] of appliance.conf: an address that clients know, and the state behind it.</summary>
public sealed record ServiceOptions
{
    /// <summary>The service's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>Virtual addresses that the primary owns. None: listeners then bind to the nodes' own addresses.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>Network card of the addresses. Empty: the one whose network contains them.</summary>
    [NodeLocal]
    public string Interface { get; init; } = "";

    /// <summary>How traffic for the addresses comes here. Arp: right wherever the nodes share a network.</summary>
    public AddressMode AddressMode { get; init; } = AddressMode.Arp;

    /// <summary>With <c>address-mode = hook</c>: program that brings an address here, or lets go of it: COMMAND ROLE SERVICE TERM ADDRESS. None otherwise.</summary>
    [NodeLocal, Reloadable]
    public CommandLine AddressCommand { get; init; } = CommandLine.None;

    /// <summary>The address command is killed after this time, and run again. 10 s: interfaces of clouds answer within a few seconds or not at all.</summary>
    [Reloadable]
    public TimeSpan AddressTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The member that is preferred as primary among those of equal priority. Empty: the first member.</summary>
    public string Primary { get; init; } = "";

    /// <summary>How a node finds out whether its part of the service works, for example a proxy behind the address. None: a listener of ours that is up works.</summary>
    [Reloadable]
    public HealthCheckRule Check { get; init; } = HealthCheckRule.None;

    /// <summary>Time between two checks. 1 s: with fall = 3 a failed proxy moves the service after 3 s.</summary>
    [Reloadable]
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A check that has no answer within this time has failed. 500 ms: less than the interval, and ages for what runs on the same host.</summary>
    [Reloadable]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Good checks in a row after which the node may serve again. 2: one may be luck.</summary>
    [Reloadable]
    public int Rise { get; init; } = 2;

    /// <summary>Failed checks in a row after which the node yields. 3: moving a service costs its clients more than a late answer.</summary>
    [Reloadable]
    public int Fall { get; init; } = 3;

    /// <summary>A node whose part failed stays out for so long at least. 10 s: a service that flaps must not move with every flap.</summary>
    [Reloadable]
    public TimeSpan HoldDown { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Program that is told of this node's role: COMMAND ROLE SERVICE TERM. None.</summary>
    [NodeLocal, Reloadable]
    public CommandLine Notify { get; init; } = CommandLine.None;

    /// <summary>The notified program is killed after this time. 10 s: later notifications wait for it.</summary>
    [Reloadable]
    public TimeSpan NotifyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>This node's priority for the service, as VRRP has it: of the members that may take over, the one with the highest does. 100: VRRP's own default.</summary>
    [NodeLocal]
    public int Priority { get; init; } = 100;

    /// <summary>A member of higher priority that comes back takes the service over, by a planned hand-over. No: every move costs clients something.</summary>
    public bool Preempt { get; init; }

    /// <summary>When so many members lost the state that acknowledged writes may be gone. Wait: an operator decides.</summary>
    public OnLoss OnLoss { get; init; } = OnLoss.Wait;

    /// <summary>For so long the members that may hold the state are awaited before <c>on-loss = serve</c>. 5 s: a process restarts in less.</summary>
    public TimeSpan OnLossAfter { get; init; } = TimeSpan.FromSeconds(5);

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Check.Kind is HealthCheckKind.Tcp or HealthCheckKind.Http && Check.Target is null)
            yield return new("check", $"'{Check}' needs an address: write 'tcp ADDRESS:PORT' or 'http ADDRESS:PORT PATH'");
        foreach (SettingProblem problem in HealthCheckRule.ValidateTiming(Interval, Timeout, Rise, Fall, HoldDown)) yield return problem;
        if (AddressMode == AddressMode.Hook && AddressCommand.IsEmpty) yield return new("address-command", "is empty: 'address-mode = hook' needs the program that brings an address here");
        if (AddressMode != AddressMode.Hook && !AddressCommand.IsEmpty) yield return new("address-command", $"is run with 'address-mode = hook' only, this is '{SettingReader.Format(AddressMode)}'");
        if (AddressMode == AddressMode.Hook && Addresses.Count == 0) yield return new("addresses", "is empty: 'address-mode = hook' needs the addresses that the program brings here");
        if (AddressTimeout < TimeSpan.FromMilliseconds(100) || AddressTimeout > TimeSpan.FromMinutes(5)) yield return new("address-timeout", $"{Duration.Format(AddressTimeout)} must be from 100ms to 5min");
        if (NotifyTimeout < TimeSpan.FromMilliseconds(100) || NotifyTimeout > TimeSpan.FromMinutes(5)) yield return new("notify-timeout", $"{Duration.Format(NotifyTimeout)} must be from 100ms to 5min");
        foreach (IPAddress address in Addresses.Where(static address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) || address.IsIPv6Multicast))
            yield return new("addresses", $"{address} is no address that a node can own");
        if (Priority is < 1 or > 254) yield return new("priority", $"{Priority} must be from 1 to 254");
        if (OnLossAfter < TimeSpan.FromSeconds(1)) yield return new("on-loss-after", $"{Duration.Format(OnLossAfter)} must be at least 1s: a member that restarts must be able to come back");
    }
}

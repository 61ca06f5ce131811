namespace Appliance.Tests.Simulation.Network;

/// <summary>The way from one node to another. Faults overlap, so what cuts it is counted.</summary>
internal sealed class Link
{
    /// <summary>Share of datagrams lost, 0 to 1.</summary>
    internal double Loss { get; set; }

    /// <summary>Share of datagrams that arrive twice.</summary>
    internal double Duplication { get; set; }

    /// <summary>Share of the duplicates that come seconds later, when what they said is long past.</summary>
    internal double Replay { get; set; }

    /// <summary>Share of datagrams that take a detour and are overtaken.</summary>
    internal double Reordering { get; set; }

    /// <summary>Share of datagrams with flipped bits or a lost end.</summary>
    internal double Corruption { get; set; }

    /// <summary>Least delay in nanoseconds.</summary>
    internal long Delay { get; set; }

    /// <summary>Most that is added to the delay, in nanoseconds.</summary>
    internal long Jitter { get; set; }

    /// <summary>Faults that stop everything here.</summary>
    internal int Cuts { get; set; }

    /// <summary>Faults that stop what is sent to the group, as a switch without an IGMP querier does.</summary>
    internal int MulticastCuts { get; set; }

    /// <summary>When the newest datagram that takes no detour arrives: later ones do not overtake it.</summary>
    internal long LastArrival { get; set; }
}

namespace Appliance.Tests.Simulation.Faults;

/// <summary>What goes wrong for a while.</summary>
internal enum FaultKind : byte
{
    /// <summary>Nothing passes from one node to another; the other direction works.</summary>
    OneWay,

    /// <summary>Nothing passes between two parts of the group.</summary>
    Partition,

    /// <summary>What is sent to the group does not reach one node.</summary>
    MulticastCut,

    /// <summary>A process is frozen; its sockets fill.</summary>
    Freeze,

    /// <summary>A whole machine stands still, as a virtual one may: what arrives meanwhile is lost.</summary>
    Suspend,

    /// <summary>A process's loop hangs; its heartbeat thread goes on.</summary>
    Stall,

    /// <summary>A process is killed; it starts again with empty memory.</summary>
    Crash,

    /// <summary>A process says goodbye; it starts again later.</summary>
    Leave,

    /// <summary>A NIC loses its carrier, and the node is told.</summary>
    Unplug,

    /// <summary>A node reads its sockets too slowly.</summary>
    Slow,

    /// <summary>One link loses much more.</summary>
    Storm,

    /// <summary>Somebody sets a node's wall clock.</summary>
    WallStep,

    /// <summary>The group changes its key: from the beginning all accept the new one, from the end nobody accepts the old one.</summary>
    KeyRotation,

    /// <summary>One node seals with the new key from here on.</summary>
    KeySeal,
}

/// <summary>One fault of a plan.</summary>
/// <param name="Kind">What.</param>
/// <param name="From">When it begins, in virtual nanoseconds.</param>
/// <param name="Through">When it ends; <see cref="long.MaxValue"/> for never.</param>
/// <param name="Node">Whom it hits.</param>
/// <param name="Other">The second node, or the nodes of one side as bits.</param>
internal readonly record struct Fault(FaultKind Kind, long From, long Through, int Node, int Other);

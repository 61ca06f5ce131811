using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>What the parts of a run share, whatever runs above the group.</summary>
internal class SimulationWorld
{
    /// <summary>Virtual time.</summary>
    internal long Time { get; set; }

    /// <summary>Plan of the run.</summary>
    internal required SimulationPlan Plan { get; init; }

    /// <summary>The network.</summary>
    internal required VirtualNetwork Network { get; init; }

    /// <summary>Chance of the applications.</summary>
    internal required SimulationRandom Random { get; init; }

    /// <summary>The last events.</summary>
    internal required Trace Trace { get; init; }

    /// <summary>What the run did.</summary>
    internal required SimulationTotals Totals { get; init; }

    /// <summary>The nodes by index.</summary>
    internal SimulatedNode[] Nodes { get; set; } = [];

    /// <summary>By node: since when multicast does not reach it; the largest number while it does.</summary>
    internal long[] MulticastCutSince { get; } = [.. Enumerable.Repeat(long.MaxValue, 16)];
}

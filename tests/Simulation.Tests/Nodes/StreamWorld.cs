using Appliance.Tests.Simulation.Kernel;
using Appliance.Tests.Simulation.Network;
using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>What the applications of a run share with their observer.</summary>
internal sealed class StreamWorld
{
    /// <summary>Virtual time.</summary>
    internal long Time { get; set; }

    /// <summary>Plan of the run.</summary>
    internal required SimulationPlan Plan { get; init; }

    /// <summary>What every life published and received.</summary>
    internal required GroupLedger Ledger { get; init; }

    /// <summary>The network.</summary>
    internal required VirtualNetwork Network { get; init; }

    /// <summary>Chance of the applications.</summary>
    internal required SimulationRandom Random { get; init; }

    /// <summary>The last events.</summary>
    internal required Trace Trace { get; init; }

    /// <summary>What the run did.</summary>
    internal required SimulationTotals Totals { get; init; }

    /// <summary>Room for one message.</summary>
    internal byte[] Scratch { get; } = new byte[Payload.MaxBytes];

    /// <summary>Messages published in this run.</summary>
    internal int PublishedInRun { get; set; }

    /// <summary>What the plan allows to go wrong, and what not.</summary>
    internal Expectations Expectations => field ??= new Expectations(this);

    /// <summary>The nodes by index.</summary>
    internal SimulatedNode[] Nodes { get; set; } = [];

    /// <summary>By node: since when multicast does not reach it; the largest number while it does.</summary>
    internal long[] MulticastCutSince { get; } = [.. Enumerable.Repeat(long.MaxValue, 16)];

    /// <summary>Whether no node below an index runs.</summary>
    internal bool IsLowestRunning(int index)
    {
        for (int i = 0; i < index; i++)
        {
            if (Nodes[i].Alive && !Nodes[i].Leaving) return false;
        }
        return true;
    }
}

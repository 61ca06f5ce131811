using Appliance.Tests.Simulation.Oracle;

namespace Appliance.Tests.Simulation.Nodes;

/// <summary>What the applications of a run share with their observer where only the engine is under test.</summary>
internal sealed class StreamWorld : SimulationWorld
{
    /// <summary>What every life published and received.</summary>
    internal required GroupLedger Ledger { get; init; }

    /// <summary>Room for one message.</summary>
    internal byte[] Scratch { get; } = new byte[Payload.MaxBytes];

    /// <summary>Messages published in this run.</summary>
    internal int PublishedInRun { get; set; }

    /// <summary>What the plan allows to go wrong, and what not.</summary>
    internal Expectations Expectations => field ??= new Expectations(this);

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

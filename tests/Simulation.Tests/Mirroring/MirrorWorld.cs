using Appliance.State;
using Appliance.Tests.Simulation.Mirroring.Oracle;
using Appliance.Tests.Simulation.Mirroring.Synchronisation;
using Appliance.Tests.Simulation.Nodes;

namespace Appliance.Tests.Simulation.Mirroring;

/// <summary>What the mirrors of a run share with their observer.</summary>
internal sealed class MirrorWorld : SimulationWorld
{
    private readonly List<MirrorLife> _lives = [];

    /// <summary>Plan of the run.</summary>
    internal required MirrorPlan MirrorPlan { get; init; }

    /// <summary>What the mirrors did.</summary>
    internal required MirrorTotals MirrorTotals { get; init; }

    /// <summary>The group's hash.</summary>
    internal required BuzHash Hash { get; init; }

    /// <summary>Everything that was written.</summary>
    internal WriteHistory History { get; } = new();

    /// <summary>Everything that was promised.</summary>
    internal AcknowledgementLedger Promises => field ??= new AcknowledgementLedger(this);

    /// <summary>What readers see.</summary>
    internal MirrorWatch Watch => field ??= new MirrorWatch(this);

    /// <summary>Compares tables with the model.</summary>
    internal TableCheck Tables => field ??= new TableCheck(History);

    /// <summary>Channels between nodes.</summary>
    internal SyncNetwork? Synchronisation { get; set; }

    /// <summary>Terms by node: they outlive a restart.</summary>
    internal MemoryTerms[] Terms { get; } = [.. Enumerable.Range(0, 16).Select(static _ => new MemoryTerms())];

    /// <summary>When a fault last began or ended, in virtual nanoseconds: a clock was set, or whoever was cut off meanwhile has yet to measure it.</summary>
    internal long ClockDisturbedAt { get; set; } = long.MinValue / 2;

    /// <summary>All lives in the order in which they began.</summary>
    internal IReadOnlyList<MirrorLife> Lives => _lives;

    /// <summary>A node starts a life.</summary>
    internal MirrorLife Begin(SimulatedNode node)
    {
        MirrorLife life = new(_lives.Count, node.Index, node.Incarnation);
        _lives.Add(life);
        return life;
    }
}

/// <summary>What stands on a node's disk.</summary>
internal sealed class MemoryTerms : ITermStore
{
    private readonly Dictionary<string, ulong> _terms = [];

    /// <inheritdoc/>
    public ulong ReadTerm(string service) => _terms.GetValueOrDefault(service);

    /// <inheritdoc/>
    public void WriteTerm(string service, ulong term) => _terms[service] = term;
}

namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>One life of a node as the oracle sees it.</summary>
internal sealed class MirrorLife
{
    private readonly ulong[] _visible = new ulong[KeySpace.Count];
    private readonly HashSet<(int Key, ulong Version)> _withdrawn = [];

    internal MirrorLife(int number, int node, ulong incarnation) => (Number, Node, Incarnation) = (number, node, incarnation);

    /// <summary>Number among all lives of the run.</summary>
    internal int Number { get; }

    /// <summary>Index of the node.</summary>
    internal int Node { get; }

    /// <summary>Which life of the node.</summary>
    internal ulong Incarnation { get; }

    /// <summary>The process runs and has its memory.</summary>
    internal bool IsRunning { get; set; } = true;

    /// <summary>It said that state is lost or may be.</summary>
    internal bool ReportedLoss { get; set; }

    /// <summary>When it last was complete, in virtual nanoseconds.</summary>
    internal long LastComplete { get; set; } = long.MinValue / 2;

    /// <summary>Tombstones that it held when they were last counted.</summary>
    internal long Tombstones { get; set; }

    /// <summary>The newest term whose beginning was told to it, or of which it has shown a record.</summary>
    internal ulong KnownTerm { get; set; }

    /// <summary>Notes which version of a key a reader sees; 0 for none.</summary>
    /// <returns>False when that version had been seen to be gone.</returns>
    internal bool Observe(int key, ulong version)
    {
        ulong before = _visible[key];
        if (before == version) return true;
        if (before != 0) _withdrawn.Add((key, before));
        _visible[key] = version;
        return version == 0 || !_withdrawn.Contains((key, version));
    }

    /// <inheritdoc/>
    public override string ToString() => $"node-{Node}/{Incarnation}";
}

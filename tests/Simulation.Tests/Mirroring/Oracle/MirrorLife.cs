namespace Appliance.Tests.Simulation.Mirroring.Oracle;

/// <summary>One life of a node as the oracle sees it.</summary>
internal sealed class MirrorLife
{
    private readonly (ulong Version, bool IsForgotten)[] _seen = new (ulong, bool)[KeySpace.Count];

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

    /// <summary>Notes which write of a key, or which deletion, a reader sees; 0 when nothing tells of the key.</summary>
    /// <returns>A later write that had been seen already, or the same one if it had been seen to be gone: unless that was undone by a cut, this one must not be seen. 0 for none.</returns>
    internal ulong Observe(int key, ulong version)
    {
        (ulong before, bool isForgotten) = _seen[key];
        if (version == 0)
        {
            _seen[key].IsForgotten = before != 0;
            return 0;
        }
        _seen[key] = (version, false);
        return version > before || (version == before && !isForgotten) ? 0 : before;
    }

    /// <inheritdoc/>
    public override string ToString() => $"node-{Node}/{Incarnation}";
}

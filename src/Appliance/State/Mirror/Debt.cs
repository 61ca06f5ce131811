namespace Appliance.State;

/// <summary>What was removed because it lay beyond a cut and stood on something older that is kept: those keys are missing until they are fetched again. A member in debt does not remember.</summary>
internal sealed class Debt
{
    /// <summary>The keys; <see cref="SnapshotFetch"/> takes them off as they arrive.</summary>
    internal List<byte[]> Keys { get; } = [];

    /// <summary>There were more keys than are remembered, or a delta cannot bring what is missing: everything must be fetched.</summary>
    internal bool IsWhole { get; set; }

    /// <summary>Nothing is missing.</summary>
    internal bool IsEmpty => Keys.Count == 0 && !IsWhole;

    /// <summary>Adds what a walk has removed.</summary>
    internal void Add(DiscardWalk walk)
    {
        Keys.AddRange(walk.Keys);
        IsWhole |= walk.IsTruncated;
    }

    /// <summary>Everything is here.</summary>
    internal void Clear()
    {
        Keys.Clear();
        IsWhole = false;
    }
}

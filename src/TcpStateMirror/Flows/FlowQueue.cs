namespace Appliance.TcpStateMirror.Flows;

/// <summary>Connections of one age, oldest first. A connection that is used stays where it is and moves to the end when its turn comes, so that a packet costs nothing here.</summary>
internal sealed class FlowQueue(long idle)
{
    /// <summary>Nanoseconds without a segment after which one has ended.</summary>
    public long Idle { get; } = idle;

    /// <summary>Whose turn is next; null when there is none.</summary>
    public Flow? Oldest { get; private set; }

    private Flow? _newest;

    /// <summary>Puts one at the end.</summary>
    public void Append(Flow flow, long now)
    {
        flow.Queued = now;
        (flow.Older, flow.Newer) = (_newest, null);
        if (_newest is null) Oldest = flow;
        else _newest.Newer = flow;
        _newest = flow;
    }

    /// <summary>It was used: its turn comes again later.</summary>
    public void Requeue(Flow flow, long now)
    {
        Remove(flow);
        Append(flow, now);
    }

    /// <summary>Takes one out.</summary>
    public void Remove(Flow flow)
    {
        if (flow.Older is null) Oldest = flow.Newer;
        else flow.Older.Newer = flow.Newer;
        if (flow.Newer is null) _newest = flow.Older;
        else flow.Newer.Older = flow.Older;
        (flow.Older, flow.Newer) = (null, null);
    }
}

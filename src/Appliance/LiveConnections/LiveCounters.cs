namespace Appliance.LiveConnections;

/// <summary>What was done for live connections. Every field is a metric (docs/takeover.md). Loop thread of the node.</summary>
internal sealed class LiveCounters
{
    /// <summary>Connections of which this node has mirrored a record.</summary>
    public long Recorded;

    /// <summary>Connections relayed without protection: memory was short, or their record could not be made.</summary>
    public long Plain;

    /// <summary>Connections that this node has continued after another, or after itself.</summary>
    public long Restored;

    /// <summary>Connections that should have been continued and could not.</summary>
    public long Lost;

    /// <summary>Segments that were held.</summary>
    public long Held;

    /// <summary>Held segments that were dropped, to be repeated by their senders.</summary>
    public long Dropped;

    /// <summary>Segments let go unmirrored because nobody was there to confirm them.</summary>
    public long Unprotected;

    /// <summary>FIN and RST of this node's sockets that were let go.</summary>
    public long Approved;

    /// <summary>Messages of others about live connections that made no sense here.</summary>
    public long Ignored;

    /// <summary>Times that the packet filter's rules were missing and were put back.</summary>
    public long RulesRestored;
}

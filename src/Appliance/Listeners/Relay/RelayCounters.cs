namespace Appliance.Listeners.Relay;

/// <summary>What a relay listener did. Every field is a metric (docs/operations.md). Loop thread.</summary>
internal sealed class RelayCounters
{
    private readonly long[] _ended = new long[Enum.GetValues<RelayEnd>().Length];

    /// <summary>Connections accepted.</summary>
    public long Accepted;

    /// <summary>Connections of other nodes that were gone on with.</summary>
    public long Adopted;

    /// <summary>Connections open now.</summary>
    public long Connections;

    /// <summary>Bytes from clients to servers, of connections that have ended.</summary>
    public long BytesFromClients;

    /// <summary>Bytes from servers to clients, of connections that have ended.</summary>
    public long BytesToClients;

    /// <summary>Connects that were tried again on another server.</summary>
    public long Retries;

    /// <summary>Times that accepting failed for want of descriptors or memory.</summary>
    public long AcceptFailures;

    /// <summary>Connections that ended for a reason.</summary>
    public long Ended(RelayEnd reason) => _ended[(int)reason];

    /// <summary>Counts an end.</summary>
    public void Count(RelayEnd reason) => _ended[(int)reason]++;
}

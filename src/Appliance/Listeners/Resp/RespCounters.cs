using Appliance.Listeners.Resp.Protocol;

namespace Appliance.Listeners.Resp;

/// <summary>What a Redis listener counted since it began. Written on the loop thread; other threads may read values that are a moment old.</summary>
internal sealed class RespCounters
{
    /// <summary>Clients connected now.</summary>
    public long ConnectedClients;

    /// <summary>Connections accepted.</summary>
    public long ConnectionsAccepted;

    /// <summary>Connections refused because of the limit of clients.</summary>
    public long ConnectionsRefused;

    /// <summary>Times that accept failed because descriptors or memory ran out.</summary>
    public long AcceptFailures;

    /// <summary>Commands executed or refused.</summary>
    public long Commands;

    /// <summary>Error replies.</summary>
    public long Errors;

    /// <summary>Bytes received.</summary>
    public long BytesReceived;

    /// <summary>Bytes sent.</summary>
    public long BytesSent;

    /// <summary>Reads of a key that was there.</summary>
    public long KeyHits;

    /// <summary>Reads of a key that was not there.</summary>
    public long KeyMisses;

    /// <summary>Failed AUTH.</summary>
    public long AuthenticationFailures;

    /// <summary>Writes refused because this node is not the primary.</summary>
    public long RefusedReadOnly;

    /// <summary>Commands refused while the state is being recovered.</summary>
    public long RefusedLoading;

    /// <summary>Writes refused because too few members could acknowledge them.</summary>
    public long RefusedTooFewMembers;

    /// <summary>Writes refused at the memory limit.</summary>
    public long RefusedOutOfMemory;

    /// <summary>Keys, values, batches or replies beyond a limit.</summary>
    public long RefusedTooLarge;

    /// <summary>Times that a client waited because the group's window was full.</summary>
    public long BusyPauses;

    /// <summary>Writes refused because the window stayed full until the deadline.</summary>
    public long BusyRefusals;

    /// <summary>Times that a client was not read because it left its replies unread.</summary>
    public long OutputPauses;

    /// <summary>Replies that waited for acknowledgement.</summary>
    public long GatedReplies;

    /// <summary>Replies that told an unknown outcome.</summary>
    public long OutcomesUnknown;

    /// <summary>Replies cut because of the limit of a reply.</summary>
    public long RepliesTooLarge;

    /// <summary>Connections closed because the buffers of all clients together reached their limit.</summary>
    public long BuffersExhausted;

    /// <summary>Connections closed because they were idle.</summary>
    public long IdleClosed;

    /// <summary>Transactions that were not done because a watched key had changed.</summary>
    public long TransactionsConflicted;

    private readonly long[] _protocolErrors = new long[Enum.GetValues<RespParseStatus>().Length];

    /// <summary>Connections closed because of what they sent, by reason.</summary>
    public long ProtocolErrors(RespParseStatus reason) => Volatile.Read(ref _protocolErrors[(int)reason]);

    internal void CountProtocolError(RespParseStatus reason) => _protocolErrors[(int)reason]++;
}

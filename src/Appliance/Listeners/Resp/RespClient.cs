using Appliance.Listeners.Resp.Protocol;
using Appliance.Multicast;

namespace Appliance.Listeners.Resp;

/// <summary>What CLIENT REPLY chose.</summary>
internal enum ReplyMode : byte
{
    On,
    Off,

    /// <summary>The next command is not answered.</summary>
    SkipNext,

    /// <summary>This command is not answered.</summary>
    Skip,
}

/// <summary>A WAIT that has not been answered.</summary>
/// <param name="Ticket">The client's newest write.</param>
/// <param name="Members">Members asked for.</param>
/// <param name="Deadline">When the count reached is told, whatever it is.</param>
internal readonly record struct WaitRequest(ulong Ticket, long Members, Timestamp Deadline);

/// <summary>What the protocol remembers of one client; knows nothing of sockets.</summary>
internal sealed class RespClient
{
    /// <param name="id">Unique in the listener's life, ascending.</param>
    /// <param name="authenticated">No password is asked for.</param>
    public RespClient(long id, bool authenticated)
    {
        Id = id;
        IsAuthenticated = authenticated;
    }

    public long Id { get; }

    /// <summary>Version of the protocol, 2 or 3.</summary>
    public int Protocol { get; set; } = 2;

    public bool IsAuthenticated { get; set; }

    /// <summary>CLIENT SETNAME.</summary>
    public string Name { get; set; } = "";

    /// <summary>CLIENT SETINFO LIB-NAME.</summary>
    public string LibraryName { get; set; } = "";

    /// <summary>CLIENT SETINFO LIB-VER.</summary>
    public string LibraryVersion { get; set; } = "";

    /// <summary>Addresses as CLIENT LIST shows them.</summary>
    public string RemoteAddress { get; init; } = "";

    /// <summary>As <see cref="RemoteAddress"/>.</summary>
    public string LocalAddress { get; init; } = "";

    /// <summary>When it connected.</summary>
    public Timestamp ConnectedAt { get; init; }

    /// <summary>When it last sent something.</summary>
    public Timestamp ActiveAt { get; set; }

    /// <summary>Commands executed.</summary>
    public long Commands { get; set; }

    /// <summary>The command executed last, for CLIENT LIST.</summary>
    public RespCommand? LastCommand { get; set; }

    public ReplyMode ReplyMode { get; set; }

    /// <summary>Close once all replies have left.</summary>
    public bool IsClosing { get; set; }

    /// <summary>Ticket of its newest write.</summary>
    public ulong LastWrite { get; set; }

    /// <summary>Set while WAIT blocks it.</summary>
    public WaitRequest? Wait { get; set; }

    /// <summary>Between MULTI and EXEC.</summary>
    public bool InTransaction { get; set; }

    /// <summary>A command of the transaction was refused: EXEC will be, too.</summary>
    public bool TransactionFailed { get; set; }

    /// <summary>Commands since MULTI.</summary>
    public TransactionQueue Queue { get; } = new();

    /// <summary>Keys of WATCH.</summary>
    public WatchList Watches { get; } = new();

    /// <summary>Ends a transaction, whatever its outcome.</summary>
    public void EndTransaction(NativeBufferPool pool)
    {
        InTransaction = false;
        TransactionFailed = false;
        Queue.Release(pool);
        Watches.Release(pool);
    }
}

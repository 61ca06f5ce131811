namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Error texts. Those of Redis 7 are Redis' own, byte for byte; those of ours stand at the end and in docs/redis.md.</summary>
internal static class RespErrors
{
    public static ReadOnlySpan<byte> Syntax => "ERR syntax error"u8;
    public static ReadOnlySpan<byte> NotAnInteger => "ERR value is not an integer or out of range"u8;
    public static ReadOnlySpan<byte> HashValueNotAnInteger => "ERR hash value is not an integer"u8;
    public static ReadOnlySpan<byte> WouldOverflow => "ERR increment or decrement would overflow"u8;
    public static ReadOnlySpan<byte> DecrementWouldOverflow => "ERR decrement would overflow"u8;
    public static ReadOnlySpan<byte> WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value"u8;
    public static ReadOnlySpan<byte> InvalidCursor => "ERR invalid cursor"u8;
    public static ReadOnlySpan<byte> DatabaseIndex => "ERR DB index is out of range"u8;
    public static ReadOnlySpan<byte> NoAuthentication => "NOAUTH Authentication required."u8;

    public static ReadOnlySpan<byte> HelloNoAuthentication =>
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"u8;

    public static ReadOnlySpan<byte> WrongPassword => "WRONGPASS invalid username-password pair or user is disabled."u8;

    public static ReadOnlySpan<byte> NoPasswordConfigured =>
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"u8;

    public static ReadOnlySpan<byte> ProtocolVersionNotInteger => "ERR Protocol version is not an integer or out of range"u8;
    public static ReadOnlySpan<byte> ProtocolVersion => "NOPROTO unsupported protocol version"u8;
    public static ReadOnlySpan<byte> ClientName => "ERR Client names cannot contain spaces, newlines or special characters."u8;
    public static ReadOnlySpan<byte> NestedMulti => "ERR MULTI calls can not be nested"u8;
    public static ReadOnlySpan<byte> ExecWithoutMulti => "ERR EXEC without MULTI"u8;
    public static ReadOnlySpan<byte> DiscardWithoutMulti => "ERR DISCARD without MULTI"u8;
    public static ReadOnlySpan<byte> WatchInsideMulti => "ERR WATCH inside MULTI is not allowed"u8;
    public static ReadOnlySpan<byte> ExecAbort => "EXECABORT Transaction discarded because of previous errors."u8;
    public static ReadOnlySpan<byte> ExecAbortBecause => "EXECABORT Transaction discarded because of: "u8;
    public static ReadOnlySpan<byte> ExpireOptionsNx => "ERR NX and XX, GT or LT options at the same time are not compatible"u8;
    public static ReadOnlySpan<byte> ExpireOptionsGtLt => "ERR GT and LT options at the same time are not compatible"u8;
    public static ReadOnlySpan<byte> ReadOnly => "READONLY You can't write against a read only replica."u8;
    public static ReadOnlySpan<byte> Loading => "LOADING Redis is loading the dataset in memory"u8;
    public static ReadOnlySpan<byte> TooFewMembers => "NOREPLICAS Not enough good replicas to write."u8;
    public static ReadOnlySpan<byte> OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'."u8;
    public static ReadOnlySpan<byte> MaxClients => "ERR max number of clients reached"u8;
    public static ReadOnlySpan<byte> Unblocked => "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"u8;
    public static ReadOnlySpan<byte> TimeoutNegative => "ERR timeout is negative"u8;
    public static ReadOnlySpan<byte> TimeoutNotInteger => "ERR timeout is not an integer or out of range"u8;

    public static ReadOnlySpan<byte> WaitOnSecondary =>
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."u8;

    /// <summary>Ours: published, not acknowledged in time. It may be kept or be lost; reading the key tells once it is decided.</summary>
    public static ReadOnlySpan<byte> OutcomeUnknown => "UNKNOWN outcome: the write was published but not acknowledged in time; it may or may not survive"u8;

    /// <summary>Ours: nothing was done, the group's window stayed full.</summary>
    public static ReadOnlySpan<byte> Busy => "TRYAGAIN the group's window is full; nothing was done"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> KeyTooLarge => "ERR key is larger than the limit of this service"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> ValueTooLarge => "ERR value is larger than the limit of this service"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> BatchTooLarge => "ERR batch is larger than the limit of this service"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> ReplyTooLarge => "ERR reply is larger than the limit of this service"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> TooManyWatchedKeys => "ERR too many watched keys"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> TransactionTooLarge => "ERR transaction has more commands or bytes than the limit of this service"u8;

    /// <summary>Ours.</summary>
    public static ReadOnlySpan<byte> BuffersExhausted => "ERR no memory left for client buffers"u8;

    /// <summary>What a client is told before its connection is closed because of what it sent.</summary>
    public static ReadOnlySpan<byte> Of(RespParseStatus status) => status switch
    {
        RespParseStatus.InvalidMultibulkLength => "ERR Protocol error: invalid multibulk length"u8,
        RespParseStatus.UnauthenticatedMultibulkLength => "ERR Protocol error: unauthenticated multibulk length"u8,
        RespParseStatus.InvalidBulkLength => "ERR Protocol error: invalid bulk length"u8,
        RespParseStatus.UnauthenticatedBulkLength => "ERR Protocol error: unauthenticated bulk length"u8,
        RespParseStatus.ExpectedDollar => "ERR Protocol error: expected '$', got '"u8,
        RespParseStatus.CountLineTooLong => "ERR Protocol error: too big mbulk count string"u8,
        RespParseStatus.LengthLineTooLong => "ERR Protocol error: too big bulk count string"u8,
        RespParseStatus.MissingTerminator => "ERR Protocol error: argument not followed by CR LF"u8,
        RespParseStatus.InlineTooLong => "ERR Protocol error: too big inline request"u8,
        RespParseStatus.UnbalancedQuotes => "ERR Protocol error: unbalanced quotes in request"u8,
        RespParseStatus.CommandTooLarge => "ERR Protocol error: command is larger than the limit of this service"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "not an error"),
    };
}

namespace Appliance.Listeners.Resp.Protocol;

/// <summary>What <see cref="RespParser.TryParse"/> found. Everything after <see cref="Incomplete"/> is a client's mistake that ends its connection.</summary>
internal enum RespParseStatus : byte
{
    /// <summary>A command; possibly one without arguments, which is skipped in silence as Redis does.</summary>
    Complete,

    /// <summary>More bytes are needed; nothing was consumed.</summary>
    Incomplete,

    /// <summary>The number after '*' is malformed or above the limit of arguments.</summary>
    InvalidMultibulkLength,

    /// <summary>Before authentication only a few arguments are accepted.</summary>
    UnauthenticatedMultibulkLength,

    /// <summary>An argument did not begin with '$'.</summary>
    ExpectedDollar,

    /// <summary>The number after '$' is malformed, negative or above the limit of an argument.</summary>
    InvalidBulkLength,

    /// <summary>Before authentication only short arguments are accepted.</summary>
    UnauthenticatedBulkLength,

    /// <summary>The line that begins with '*' does not end.</summary>
    CountLineTooLong,

    /// <summary>The line that begins with '$' does not end.</summary>
    LengthLineTooLong,

    /// <summary>An argument is not followed by CR LF: the client's framing is out of step (Redis skips two bytes unseen).</summary>
    MissingTerminator,

    /// <summary>An inline command is longer than the limit.</summary>
    InlineTooLong,

    /// <summary>An inline command has an unclosed quote, or something glued to a closing one.</summary>
    UnbalancedQuotes,

    /// <summary>All arguments together are above the limit of a command.</summary>
    CommandTooLarge,
}

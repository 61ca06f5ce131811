using Microsoft.Extensions.Logging;

namespace Appliance.Listeners.Resp.Connections;

/// <summary>Log lines of a Redis listener.</summary>
internal static partial class RespLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{Service}: listening for Redis clients on {Address}")]
    public static partial void Listening(ILogger logger, string service, string address);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Service}: client {Client} ended after {Seconds:F1} s, {Commands} commands, {Received} bytes in, {Sent} out: {Reason}")]
    public static partial void Ended(ILogger logger, string service, string client, double seconds, long commands, long received, long sent, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Service}: accepting clients failed with errno {Error}; trying again")]
    public static partial void AcceptFailed(ILogger logger, string service, int error);
}

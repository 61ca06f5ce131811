using Microsoft.Extensions.Logging;

namespace Appliance.Listeners.Relay;

/// <summary>Log lines of a relay listener.</summary>
internal static partial class RelayLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{Listener}: relaying from {Address} to [backend {Backend}]")]
    public static partial void Listening(ILogger logger, string listener, string address, string backend);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Listener}: client {Client} to {Backend} ended after {Seconds:F3} s, {Received} bytes in, {Sent} out: {Reason}")]
    public static partial void Ended(ILogger logger, string listener, string client, string backend, double seconds, long received, long sent, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Listener}: {Refused} connections refused since the last such line, the last from {Client}: {Reason}")]
    public static partial void Refused(ILogger logger, string listener, long refused, string client, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Listener}: accepting connections failed with errno {Error}; trying again")]
    public static partial void AcceptFailed(ILogger logger, string listener, int error);

    /// <summary>A reason for people.</summary>
    public static string Describe(RelayEnd reason) => reason switch
    {
        RelayEnd.ClientClosed => "the client closed",
        RelayEnd.ServerClosed => "the server closed",
        RelayEnd.ClientReset => "the client reset the connection",
        RelayEnd.ServerReset => "the server reset the connection",
        RelayEnd.IdleTimeout => "idle",
        RelayEnd.HalfClosedTimeout => "idle after one side had ended",
        RelayEnd.NoServer => "no server of the pool is available",
        RelayEnd.TooManyClients => "max-clients is reached",
        RelayEnd.TooManyOfSource => "max-per-source is reached",
        RelayEnd.ProxyUntrusted => "the source is not in trust-proxy",
        RelayEnd.ProxyHeaderBad => "the PROXY header is missing or malformed",
        RelayEnd.ProxyTimeout => "the PROXY header did not come in time",
        RelayEnd.HandshakeFailed => "the TLS handshake failed",
        RelayEnd.HandshakeTimeout => "the TLS handshake took longer than handshake-timeout",
        RelayEnd.TooManyHandshakes => "max-handshakes or max-handshakes-per-source is reached",
        RelayEnd.IdentityRevoked => "the client's identity is revoked",
        RelayEnd.ClientTruncated => "the client's side ended in the middle of TLS",
        RelayEnd.ServerTruncated => "the server's side ended in the middle of TLS",
        RelayEnd.ClientBroken => "the client broke the rules of TLS",
        RelayEnd.RequestRefused => "the client's request was refused",
        RelayEnd.RequestTimeout => "the head of a request took longer than request-timeout",
        RelayEnd.ListenerStopped => "the listener stopped",
        RelayEnd.NotMirrored => "no other node could take note of it",
        RelayEnd.ServiceLost => "this node lost the service",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
    };
}

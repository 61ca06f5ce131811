namespace Appliance.Listeners.Relay;

/// <summary>Why a relayed connection ended: a label of metrics, and with <see cref="RelayLog.Describe"/> a phrase of the log. Names are stable.</summary>
internal enum RelayEnd
{
    /// <summary>Both sides ended in order, the client first.</summary>
    ClientClosed,

    /// <summary>Both sides ended in order, the server first.</summary>
    ServerClosed,

    /// <summary>The client's side sent RST or does not answer any more.</summary>
    ClientReset,

    /// <summary>The server's side sent RST or does not answer any more.</summary>
    ServerReset,

    /// <summary>Nothing moved for <c>idle-timeout</c>.</summary>
    IdleTimeout,

    /// <summary>One side had ended, and nothing moved for <c>half-closed-timeout</c>.</summary>
    HalfClosedTimeout,

    /// <summary>No server that is up, not draining and below its limit accepted.</summary>
    NoServer,

    /// <summary>More than <c>max-clients</c>.</summary>
    TooManyClients,

    /// <summary>More than <c>max-per-source</c>.</summary>
    TooManyOfSource,

    /// <summary>The source is not in <c>trust-proxy</c>.</summary>
    ProxyUntrusted,

    /// <summary>The PROXY header is missing or malformed.</summary>
    ProxyHeaderBad,

    /// <summary>The PROXY header did not come within <c>proxy-timeout</c>.</summary>
    ProxyTimeout,

    /// <summary>tls: the handshake failed, or the client left in its middle.</summary>
    HandshakeFailed,

    /// <summary>tls: the handshake was not done within <c>handshake-timeout</c>.</summary>
    HandshakeTimeout,

    /// <summary>tls: more than <c>max-handshakes</c> or <c>max-handshakes-per-source</c> at once.</summary>
    TooManyHandshakes,

    /// <summary>tls: the identity that the client has proved is revoked.</summary>
    IdentityRevoked,

    /// <summary>tls: the client's side ended without saying so inside TLS, so that bytes may be missing; the server gets RST.</summary>
    ClientTruncated,

    /// <summary>The server's side ended without saying so inside its TLS, so that bytes may be missing; the client gets RST.</summary>
    ServerTruncated,

    /// <summary>tls: the client sent what is not TLS, not authentic, or a renegotiation.</summary>
    ClientBroken,

    /// <summary>tls: a request broke the rules of HTTP/1.1, or there was no room for it.</summary>
    RequestRefused,

    /// <summary>tls: the head of a request did not come within <c>request-timeout</c>.</summary>
    RequestTimeout,

    /// <summary>The node stops.</summary>
    ListenerStopped,

    /// <summary>The node has lost the service whose address the client connected to.</summary>
    ServiceLost,

    /// <summary>survive: no other node could confirm the connection's record in time, or the node before had not connected to a server yet.</summary>
    NotMirrored,
}

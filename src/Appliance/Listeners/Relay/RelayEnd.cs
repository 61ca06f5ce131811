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

    /// <summary>The node stops, or has lost the service.</summary>
    ListenerStopped,
}

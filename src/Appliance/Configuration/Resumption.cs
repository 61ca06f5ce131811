namespace Appliance.Configuration;

/// <summary>How clients of a TLS listener resume their sessions, at whichever node.</summary>
public enum Resumption
{
    /// <summary>The nodes keep the sessions and clients their ids; TLS 1.3 too. Each session is mirrored.</summary>
    Ids,

    /// <summary>Clients keep the sessions, sealed with keys that all nodes share.</summary>
    Tickets,

    /// <summary>Tickets, and ids for TLS 1.2 clients that take no tickets.</summary>
    Both,

    /// <summary>Every handshake is a full one.</summary>
    Off,
}

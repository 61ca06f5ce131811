namespace Appliance.Multicast.Transport;

/// <summary>What both ends of a <see cref="SealedConnection"/> need. Immutable: after a key rotation, give the listener a new one.</summary>
public sealed record SealedConnectionSettings
{
    /// <summary>The group's name; both ends must name the same.</summary>
    public required string GroupName { get; init; }

    /// <summary>This node's name.</summary>
    public required string NodeName { get; init; }

    /// <summary>AES-256-GCM; false for laboratories only. Both ends must agree.</summary>
    public bool Sealed { get; init; } = true;

    /// <summary>Accepted keys, oldest first; a caller uses the last one.</summary>
    public IReadOnlyList<GroupKey> Keys { get; init; } = [];

    /// <summary>Connect and handshake together. 2 s: two lost packets on the way (TCP repeats after 1 s).</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest time without a byte while one is awaited. 10 s: the peer may be reading a large table; a dead peer is known by its heartbeats sooner.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest frame in bytes. 256 KiB: long enough that sealing and calls cost little, short enough to buffer per connection.</summary>
    public int MaxFrameBytes { get; init; } = 256 * 1024;

    /// <summary>Connections that a listener serves at a time. 16: one for each member of the largest group.</summary>
    public int MaxConnections { get; init; } = 16;

    internal GroupKey? FindKey(ushort id)
    {
        foreach (GroupKey key in Keys)
            if (key.Id == id) return key;
        return null;
    }
}

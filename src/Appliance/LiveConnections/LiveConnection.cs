using Appliance.Listeners.Relay;

namespace Appliance.LiveConnections;

/// <summary>A relayed connection that survives its node: what every data member knows of it. Loop thread of the node, except where it says otherwise.</summary>
internal sealed class LiveConnection
{
    private readonly ConnectionSide[] _sides = [new(), new()];

    internal LiveConnection(ServiceConnections service) => Service = service;

    /// <summary>Where it belongs.</summary>
    internal ServiceConnections Service { get; }

    /// <summary>Its number in the service, the same for its whole life.</summary>
    internal uint Number { get; set; }

    /// <summary>Place in the service's list.</summary>
    internal int Index { get; set; }

    /// <summary>What relays it on the primary; null elsewhere. Set before the connection is handed to another thread.</summary>
    internal RelayConnection? Relay { get; set; }

    /// <summary>Its segments are held no longer, or never were: it ends with its node.</summary>
    internal bool IsPlain { get; set; }

    /// <summary>The term in which its primary told of it last.</summary>
    internal ulong Term { get; set; }

    /// <summary>Its sockets on a new primary, silent until the others know what these have: then they may acknowledge it. Null: they speak.</summary>
    internal RestoredConnection? Restored { get; set; }

    /// <summary>Its relay waits until both records are confirmed.</summary>
    internal bool AwaitsRecord { get; set; }

    /// <summary>Something of it is to be published, see <see cref="ConnectionSide.PublishedThrough"/>.</summary>
    internal bool IsBehind { get; set; }

    /// <summary>It is over, or given up: nothing more is done for it.</summary>
    internal bool IsGone { get; set; }

    /// <summary>The client's side.</summary>
    internal ConnectionSide Front => _sides[0];

    /// <summary>The server's side.</summary>
    internal ConnectionSide Back => _sides[1];

    /// <summary>A side by its number on the wire.</summary>
    internal ConnectionSide this[int side] => _sides[side];

    /// <summary>Gives the memory back.</summary>
    internal void Free()
    {
        foreach (ConnectionSide side in _sides) side.Stream?.Dispose();
    }
}

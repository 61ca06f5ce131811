using Appliance.Multicast;

namespace Appliance.State;

/// <summary>What a service is on this node.</summary>
internal enum ServiceRole : byte
{
    /// <summary>It holds copies and writes nothing.</summary>
    Secondary,

    /// <summary>It will be the primary when it has what the survivors hold.</summary>
    Recovering,

    /// <summary>It writes.</summary>
    Primary,
}

/// <summary>What a store must know of the node around it. Loop thread.</summary>
internal interface IServiceContext
{
    /// <summary>The service's name.</summary>
    string Name { get; }

    /// <summary>What this node is for the service.</summary>
    ServiceRole Role { get; }

    /// <summary>Name of the node that is primary; null when none is known.</summary>
    string? PrimaryName { get; }

    /// <summary>The service's term.</summary>
    ulong Term { get; }

    /// <summary>The primary's wall time in milliseconds since the Unix epoch.</summary>
    long NowMilliseconds { get; }

    /// <summary>While writes beyond a cut are being discarded: what still counts. Null: everything does.</summary>
    TermChain? Discarding { get; }
}

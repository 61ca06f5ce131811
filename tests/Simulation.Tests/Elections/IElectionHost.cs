using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Elections;

/// <summary>What carries a life's beats: the thin transport of most seeds, or the real group engine.</summary>
internal interface IElectionHost
{
    /// <summary>Index of the node.</summary>
    int Index { get; }

    /// <summary>Time of the present round on the node's clock.</summary>
    Timestamp Now { get; }

    /// <summary>The operator drained it.</summary>
    bool IsDrained { get; }

    /// <summary>Its checks fail.</summary>
    bool IsUnhealthy { get; }

    /// <summary>See <see cref="IGroup.PublishBeatExtension"/>.</summary>
    void Publish(ReadOnlySpan<byte> extension, Timestamp validUntil, bool hurry);
}

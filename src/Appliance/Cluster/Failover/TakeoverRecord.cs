using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>When what happened while this node took a service over. All times are CLOCK_BOOTTIME of this node; null: it did not happen, or not yet.</summary>
/// <param name="Service">The service.</param>
/// <param name="Term">The term that was won.</param>
/// <param name="Kind">How.</param>
internal sealed record TakeoverRecord(string Service, uint Term, ElectionKind Kind)
{
    /// <summary>The primary before was suspected, or it offered the service.</summary>
    internal Timestamp? Begun { get; init; }

    /// <summary>The vote was won.</summary>
    internal Timestamp Elected { get; init; }

    /// <summary>Enough members had said what they hold.</summary>
    internal Timestamp? Collected { get; set; }

    /// <summary>What was lacking had been fetched, and the cut was published: this node writes.</summary>
    internal Timestamp? Cut { get; set; }

    /// <summary>The guard was open, the addresses were on their links, the first announcements were sent.</summary>
    internal Timestamp? Serving { get; set; }

    /// <summary>From <see cref="Begun"/>, or else from <see cref="Elected"/>, to <see cref="Serving"/>; null while under way.</summary>
    internal TimeSpan? Duration => Serving - (Begun ?? Elected);
}

using Appliance.Configuration;

namespace Appliance.State;

/// <summary>A service that a node mirrors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Primary">The node that is its primary; null when primaries are elected (<see cref="StateMirror.BecomePrimary"/>).</param>
internal sealed record MirroredServiceOptions(string Name, string? Primary);

/// <summary>What a <see cref="StateMirror"/> is made of. Defaults as in appliance.conf.</summary>
internal sealed record StateMirrorOptions
{
    /// <summary>This node's name.</summary>
    public required string Node { get; init; }

    /// <summary>Names of all configured data members, this node among them.</summary>
    public required IReadOnlyList<string> DataMembers { get; init; }

    /// <summary>The services.</summary>
    public required IReadOnlyList<MirroredServiceOptions> Services { get; init; }

    /// <summary>What is promised about each class.</summary>
    public IReadOnlyList<ClassOptions> Classes { get; init; } = [];

    /// <summary>The group's hash.</summary>
    public required BuzHash Hash { get; init; }

    /// <summary>Sizes; the memory is that of each service.</summary>
    public required StoreLimits Limits { get; init; }

    /// <summary>A deletion is remembered for so long for members that are away (<c>[group] tombstone-retention</c>).</summary>
    public TimeSpan TombstoneRetention { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>For so long members are asked for their position before the answers are judged. 1 s: five times dead-after.</summary>
    public TimeSpan SurveyTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A resynchronisation or recovery that found nobody to serve it is tried again after about this, and then after twice as long each time. 250 ms: a little more than dead-after. Members that have
    /// not said where they stand are asked again after it.
    /// </summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest time between two attempts. 8 s: a member that fails for ever then costs a connection every few seconds, and one that comes back is not waited for much longer than it was away.</summary>
    public TimeSpan RetryLimit { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>A fetch that brought nothing for so long is tried with another member. 2 s: ten times dead-after.</summary>
    public TimeSpan FetchTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A restarted primary that has heard enough survivors waits so long for the rest, and, when it never ran before, for anyone at all. 2 s: a survivor answers within milliseconds once it has
    /// been heard.
    /// </summary>
    public TimeSpan RecoveryGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A restarted primary that has not heard enough survivors serves after so long all the same, and says what that may have lost. 15 s: the others are restarted meanwhile, or they are gone.</summary>
    public TimeSpan RecoveryLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// An elected primary that has heard enough members waits so long for the live ones that are silent. 50 ms: an answer takes less than one unless that member hangs, and a member that has more
    /// than all others may be the slow one.
    /// </summary>
    public TimeSpan CollectDeadline { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// An elected primary does not wait for a live member of which it has heard nothing for so long, once it has heard enough of the others. 150 ms: three quarters of dead-after. The elections have
    /// waited for all of it since the dead primary's last heartbeat; its last datagram may be a heartbeat younger, and the group may come to suspect it later than they do.
    /// </summary>
    public TimeSpan SilentAfter { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>A hand-over that takes longer is given up. 20 ms: so long writes may wait (the issue's limit for a planned hand-over).</summary>
    public TimeSpan HandOverLimit { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>What is wrong; empty when nothing is.</summary>
    internal IEnumerable<string> Validate()
    {
        // A witness has no services.
        if (Services.Count > 0 && !DataMembers.Contains(Node)) yield return $"'{Node}' is not among the data members ({string.Join(' ', DataMembers)})";
        foreach (IGrouping<ServiceId, MirroredServiceOptions> same in Services.GroupBy(static service => ServiceId.FromName(service.Name)).Where(static same => same.Count() > 1))
            yield return $"services {string.Join(" and ", same.Select(static service => $"'{service.Name}'"))} have the same number on the wire ({same.Key}): rename one";
        foreach (MirroredServiceOptions service in Services.Where(service => service.Primary is not null && !DataMembers.Contains(service.Primary)))
            yield return $"primary '{service.Primary}' of service '{service.Name}' is no data member";
        if (RetryDelay <= TimeSpan.Zero || RetryLimit < RetryDelay) yield return $"the retry delay must be positive and not above its limit (now {RetryDelay} and {RetryLimit})";
    }
}

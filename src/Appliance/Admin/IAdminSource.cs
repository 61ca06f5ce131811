using Appliance.Cluster.Failover;

namespace Appliance.Admin;

/// <summary>What the admin page asks of a node. Any thread.</summary>
internal interface IAdminSource
{
    /// <summary>The node's view, gathered on its loop.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time: the node hangs.</exception>
    Task<NodeStatus> GetStatusAsync();

    /// <summary>Metrics in Prometheus' text format, gathered on its loop.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<string> GetMetricsAsync();

    /// <summary>A record, decoded; null when the service is not known here.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<RecordReport?> GetRecordAsync(string? service, byte[] key);

    /// <summary>Who is the primary of a service, as this node knows it; null when there is no such service.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<PrimaryReport?> GetPrimaryAsync(string service);

    /// <summary>Hands a service over to a member.</summary>
    /// <returns>Null when it is done, or why it was not.</returns>
    /// <exception cref="TimeoutException">The loop did not answer in time, or the hand-over did not end in time.</exception>
    Task<string?> PromoteAsync(string service, string node);

    /// <summary>Drains this node, or ends that.</summary>
    /// <returns>Null when it is done, or why it was not.</returns>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<string?> DrainAsync(string node, bool drained);

    /// <summary>Gives up the acknowledged writes of a service that only absent members hold, if it waits for them.</summary>
    /// <returns>Null when it is ordered, or why it was not.</returns>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<string?> AcceptLossAsync(string service);

    /// <summary>Lets a server of a pool get no new connections, or get them again; null when there is none of that name.</summary>
    /// <exception cref="TimeoutException">The relay's loop did not answer in time.</exception>
    Task<DrainReport?> DrainServerAsync(string server, bool draining);

    /// <summary>Who votes.</summary>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<MembershipReport> GetMembersAsync();

    /// <summary>Adds a member (NAME=ADDRESS), or removes one (NAME).</summary>
    /// <returns>Null when it is proposed, or why it was not.</returns>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<string?> ChangeMembersAsync(string member, bool add);

    /// <summary>Makes new ticket keys for a service's TLS; the name may be empty where only one service has them.</summary>
    /// <returns>Null when it was done, or why it was not.</returns>
    /// <exception cref="TimeoutException">The loop did not answer in time.</exception>
    Task<string?> RotateTicketKeysAsync(string service);

    /// <summary>Reads the configuration again and applies what can be applied.</summary>
    Task<ReloadReport> ReloadAsync();
}

/// <summary>A record as <c>appliance get</c> shows it.</summary>
/// <param name="Service">Its service.</param>
/// <param name="Found">It is there, neither deleted nor expired.</param>
/// <param name="Json">The decoded record as a JSON object; null when not found.</param>
internal sealed record RecordReport(string Service, bool Found, string? Json);

/// <summary>Who serves.</summary>
/// <param name="IsHere">This node is the primary and may serve now.</param>
/// <param name="Primary">Id of the primary; null while none is known.</param>
internal sealed record PrimaryReport(bool IsHere, string? Primary);

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

    /// <summary>Reads the configuration again and applies what can be applied.</summary>
    Task<ReloadReport> ReloadAsync();
}

/// <summary>A record as <c>appliance get</c> shows it.</summary>
/// <param name="Service">Its service.</param>
/// <param name="Found">It is there, neither deleted nor expired.</param>
/// <param name="Json">The decoded record as a JSON object; null when not found.</param>
internal sealed record RecordReport(string Service, bool Found, string? Json);

namespace Appliance.Cluster.Checks;

/// <summary>One setting of this host that failover depends on.</summary>
/// <param name="Setting">Its name, as sysctl(8) has it.</param>
/// <param name="Found">Its value now, as it takes effect.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Why">What it does to the service, one sentence.</param>
/// <param name="Remedy">The exact command that sets it right; empty when it is right. To keep it over a restart of the host, put the assignment into a file in /etc/sysctl.d.</param>
internal sealed record HostFinding(string Setting, string Found, CheckSeverity Severity, string Why, string Remedy);

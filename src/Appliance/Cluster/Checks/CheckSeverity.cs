namespace Appliance.Cluster.Checks;

/// <summary>How much a finding matters.</summary>
internal enum CheckSeverity
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Better otherwise; everything works as it is.</summary>
    Advice,

    /// <summary>Some failover, or some client, will suffer.</summary>
    Warning,

    /// <summary>The service cannot run here.</summary>
    Error,
}

using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.State;
using Microsoft.Extensions.Logging;

namespace Appliance.Cluster.Failover;

/// <summary>The operator gives up what only absent members hold, so that a service that waits for them (<c>on-loss = wait</c>) goes on (ARCHITECTURE 6). Loop thread.</summary>
internal sealed class LossOrders
{
    private readonly Failover _failover;
    private readonly ApplianceConfiguration _configuration;
    private readonly ElectionEngine _elections;
    private readonly StateMirror _mirror;
    private readonly IGroup _group;
    private readonly ILogger _log;

    internal LossOrders(Failover failover, ApplianceConfiguration configuration, ElectionEngine elections, StateMirror mirror, IGroup group, ILogger log)
    {
        (_failover, _configuration, _elections, _mirror, _group, _log) = (failover, configuration, elections, mirror, group, log);
    }

    /// <summary>Whoever is there may be elected for a service, and serves what is there. Nothing is given up where nothing waits.</summary>
    /// <param name="service">Its name.</param>
    /// <returns>Null, or why nothing was done.</returns>
    internal string? Accept(string service)
    {
        int index = _configuration.Services.ToList().FindIndex(known => known.Name == service);
        if (index < 0) return $"there is no service '{service}'";
        if (_failover.IsServing(service)) return $"service {service} is served by this node: nothing waits";
        bool collects = _elections.IsPrimary(index, _group.Now);
        if (!collects && _elections.WhyNotAcceptLoss(index) is { } whyNot) return $"service {service}: {whyNot}";
        NodeLog.Warning(_log, $"service {service}: the operator accepts that acknowledged writes are lost; until now: {(collects ? StateMirror.DoingFor(_mirror.Services[index]) : _elections.Describe(index))}");
        if (collects) _mirror.AcceptLoss(service);
        else _elections.AcceptLoss(_group.Now, index);
        return null;
    }
}

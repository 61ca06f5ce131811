using System.Net;
using Appliance.Cluster.Addresses;
using Appliance.Cluster.Checks;
using Appliance.Cluster.Guard;
using Appliance.Configuration;
using Appliance.Multicast;

namespace Appliance.Host;

/// <summary>Whether this host can carry the services' addresses: their network cards, the kernel's settings, the guard.</summary>
internal static class AddressCheck
{
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(200);

    /// <summary>Looks at everything; nothing is changed.</summary>
    internal static IReadOnlyList<Finding> Examine(ApplianceConfiguration configuration)
    {
        ServiceOptions[] services = [.. configuration.Services.Where(static service => service.Addresses.Count > 0)];
        if (configuration.Node.Role != MemberRole.Data || services.Length == 0) return [];
        var findings = new List<Finding>();
        string[] links = [.. services.SelectMany(service => service.Addresses.Select(address => LinkOf(service, address, findings))).OfType<string>().Distinct()];
        IPAddress[] addresses = [.. services.SelectMany(static service => service.Addresses)];
        if (links.Length > 0) findings.AddRange(HostChecks.Run(links, addresses).Select(Describe));
        foreach (string link in links) findings.AddRange(Owners(link, [.. services.Where(service => (service.Interface.Length > 0 ? service.Interface : null) is not { } named || named == link).SelectMany(static service => service.Addresses)]));
        findings.AddRange(Guard(configuration.Group.Guard));
        return findings;
    }

    /// <summary>The network card of an address; null with a finding when there is none.</summary>
    private static string? LinkOf(ServiceOptions service, IPAddress address, List<Finding> findings)
    {
        string subject = $"service {service.Name}";
        string? name = service.Interface.Length > 0 ? service.Interface : HostFacts.InterfaceFor(address);
        if (name is null)
        {
            findings.Add(new(Severity.Error, subject, $"no network card has a network that contains {address}: name one as [service {service.Name}] interface"));
            return null;
        }
        using var socket = new RouteSocket();
        NetworkLink? link = LinkTable.TryFind(socket, name);
        findings.Add(link switch
        {
            null => new(Severity.Error, subject, $"the network card '{name}' for {address} does not exist"),
            { IsEthernet: false } => new(Severity.Error, subject, $"the network card '{name}' for {address} is no Ethernet card: there the guard cannot watch it, and nobody hears announcements"),
            _ => new(Severity.Ok, subject, $"{address} on {name}"),
        });
        return link is { IsEthernet: true } ? name : null;
    }

    private static Finding Describe(HostFinding finding)
    {
        Severity severity = finding.Severity switch { CheckSeverity.Good => Severity.Ok, CheckSeverity.Advice => Severity.Advice, CheckSeverity.Warning => Severity.Warning, _ => Severity.Error };
        return new(severity, finding.Setting, severity == Severity.Ok ? finding.Found : $"{finding.Found}: {finding.Why}", finding.Remedy.Length == 0 ? null : finding.Remedy);
    }

    // Also the group's own primary answers: who that is cannot be told from a frame.
    private static IEnumerable<Finding> Owners(string name, IReadOnlyList<IPAddress> addresses)
    {
        try
        {
            using var socket = new RouteSocket();
            if (LinkTable.TryFind(socket, name) is not { HasCarrier: true } link) return [];
            return [.. ConflictProbe.Run(link, addresses, ProbePatience).Select(static claim => new Finding(Severity.Advice, $"address {claim.Address}", $"{claim}: the group's primary if it runs, else another host that must give it up"))];
        }
        catch (NetworkSetupException)
        {
            return []; // not permitted to ask: PermissionCheck says so
        }
    }

    private static IEnumerable<Finding> Guard(GuardDemand demand)
    {
        Severity refusal = demand == GuardDemand.Required ? Severity.Error : Severity.Warning;
        return GuardProbe.Run(new GuardOptions()).Findings.Select(finding => new Finding(finding.IsGood ? Severity.Ok : refusal, $"guard, {finding.What}", finding.Detail));
    }
}

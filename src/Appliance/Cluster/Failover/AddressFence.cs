using System.Net;
using System.Net.Sockets;
using Appliance.Cluster.Addresses;
using Appliance.Cluster.Guard;
using Appliance.Configuration;
using Appliance.Host;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Cluster.Failover;

/// <summary>All floating addresses of a node and the guard before them: found and fenced at the start, watched while it runs, removed at its end. Loop thread, except <see cref="Faults"/>.</summary>
/// <remarks>What an earlier life of the node left (addresses after a kill, a closed guard) is taken over and cleaned up.</remarks>
internal sealed class AddressFence : IDisposable
{
    /// <summary>Somebody may remove the guard's programs behind our back; a look costs a millisecond and is no defence, only a notice.</summary>
    private static readonly TimeSpan VerifyInterval = TimeSpan.FromSeconds(5);

    /// <summary>A quiet host with one of our addresses answers clients now and then; it must not for long without being noticed. One broadcast per address.</summary>
    private static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(5);

    /// <summary>A claim is shown for so long after it was seen last: longer than it takes to be asked again and again.</summary>
    private static readonly TimeSpan ClaimLasts = TimeSpan.FromSeconds(60);

    private readonly List<FloatingAddresses> _addresses = [];
    private readonly List<LinkWatch> _links = [];
    private readonly List<string> _linkNames = [];
    private readonly List<(string Link, ConflictWatch Watch)> _conflicts = [];
    private readonly Dictionary<IPAddress, (AddressConflict Conflict, Timestamp At)> _claims = [];
    private readonly EventLoop _loop;
    private Timestamp _askAt;
    private readonly LeaseGuard? _guard;
    private readonly Action<string> _warn;
    private readonly Timer? _verifier;
    private readonly ManualResetEvent _verifierEnded = new(false);
    private volatile IReadOnlyList<string> _faults = [];

    /// <summary>Fences the addresses and removes any that are on the links already.</summary>
    /// <param name="configuration">Of this node.</param>
    /// <param name="loop">The node's loop, which need not run yet.</param>
    /// <param name="warn">Told one sentence about each thing that an operator should look at; any thread.</param>
    /// <exception cref="NodeStartException">A card or address cannot be used, or the guard is required and this host cannot carry it.</exception>
    internal AddressFence(ApplianceConfiguration configuration, EventLoop loop, Action<string> warn)
    {
        _warn = warn;
        _loop = loop;
        var services = new ServiceAddresses[configuration.Services.Count];
        using var undo = new DisposeStack();
        undo.Add(_verifierEnded);
        try
        {
            var perService = configuration.Services.Select(service => LinksOf(configuration, service)).ToArray();
            _linkNames.AddRange(perService.SelectMany(static links => links.Select(static link => link.Link)).Distinct());
            if (_linkNames.Count > 0) _guard = InstallGuard(configuration, perService);
            if (_guard is not null) undo.Add(_guard);
            for (int i = 0; i < services.Length; i++)
            {
                FloatingAddresses[] links = [.. perService[i].Select(link => undo.Add(new FloatingAddresses(link.Link, link.Addresses, warn)))];
                _addresses.AddRange(links);
                foreach (FloatingAddresses link in links) link.GiveUp(); // an earlier life's
                services[i] = new ServiceAddresses(_guard, i, links);
            }
            foreach (FloatingAddresses link in _addresses.DistinctBy(static addresses => addresses.Link.Name))
            {
                _links.Add(undo.Add(new LinkWatch(loop, link.Link.Name, link.Link.Index, _ => LinkChanged?.Invoke())));
                IPAddress[] all = [.. _addresses.Where(other => other.Link.Name == link.Link.Name).SelectMany(static other => other.Addresses)];
                _conflicts.Add((link.Link.Name, undo.Add(new ConflictWatch(loop, link.Link, all, OnClaim))));
            }
        }
        catch (Exception error) when (error is NetworkSetupException or GuardException)
        {
            throw new NodeStartException(error.Message, error);
        }
        Services = services;
        if (_guard is not null) _verifier = new Timer(static state => ((AddressFence)state!).Verify(), this, VerifyInterval, VerifyInterval);
        undo.Keep();
    }

    /// <summary>By service, in the order of the configuration.</summary>
    internal IReadOnlyList<ServiceAddresses> Services { get; }

    /// <summary>A link's carrier came or went.</summary>
    internal Action? LinkChanged { get; set; }

    /// <summary>What is wrong with the guard; any thread.</summary>
    internal IReadOnlyList<string> Faults => _faults;

    /// <summary>Claims of other hosts on our addresses that were seen, those of the group's other nodes among them.</summary>
    internal long Claims => _conflicts.Sum(static conflict => conflict.Watch.Claims);

    /// <summary>How the guard is attached; null without one.</summary>
    internal GuardAttachment? Attachment => _guard?.Attachment;

    /// <summary>The service's links carry; true without addresses.</summary>
    internal bool LinksCarry(int service)
    {
        IReadOnlyList<FloatingAddresses> links = Services[service].Links;
        for (int i = 0; i < links.Count; i++)
            if (!_links[_linkNames.IndexOf(links[i].Link.Name)].Carries) return false;
        return true;
    }

    /// <summary>Other hosts that have claimed an address while this node owned it, in the last minute; a sentence each.</summary>
    internal IEnumerable<string> Conflicts(Timestamp now) => _claims.Values.Where(claim => now < claim.At + ClaimLasts).Select(static claim => Describe(claim.Conflict));

    /// <summary>Asks now and then whether anybody else has the addresses that this node owns. Not before they are announced: nothing waits for it.</summary>
    internal void AskDue(Timestamp now)
    {
        if (now < _askAt) return;
        _askAt = now + AskInterval;
        for (int i = 0; i < Services.Count; i++)
        {
            if (!Services[i].AreHere) continue;
            foreach (FloatingAddresses link in Services[i].Links)
                foreach ((string name, ConflictWatch watch) in _conflicts)
                    if (name == link.Link.Name) Ask(watch, link.Addresses);
        }
    }

    /// <summary>The guard of a node that does not run, for who cleans up after it.</summary>
    internal static GuardOptions GuardOf(string group, string node) => new() { Name = $"{group}/{node}" };

    /// <summary>Removes the addresses, then the guard: nothing of it is left on the host. Not while the loop runs.</summary>
    public void Dispose()
    {
        if (_verifier is not null)
        {
            _verifier.Dispose(_verifierEnded);
            _verifierEnded.WaitOne();
        }
        foreach (ServiceAddresses service in Services) service.GiveUp();
        foreach ((_, ConflictWatch watch) in _conflicts) watch.Dispose();
        foreach (LinkWatch link in _links) link.Dispose();
        foreach (FloatingAddresses addresses in _addresses) addresses.Dispose();
        try
        {
            _guard?.Uninstall();
        }
        catch (GuardException refused)
        {
            _warn($"the guard stays attached: {refused.Message}");
            _guard!.Dispose();
        }
        _verifierEnded.Dispose();
    }

    private LeaseGuard? InstallGuard(ApplianceConfiguration configuration, IReadOnlyList<(string Link, IPAddress[] Addresses)>[] perService)
    {
        GuardedService[] guarded = [.. configuration.Services.Select((service, index) => new GuardedService(service.Name, [.. perService[index].SelectMany(static link => link.Addresses)]))];
        try
        {
            return LeaseGuard.Install(GuardOf(configuration.Group.Name, configuration.Node.Id), _linkNames, guarded);
        }
        catch (GuardException refused) when (configuration.Group.Guard == GuardDemand.BestEffort)
        {
            _warn($"no guard: {refused.Message}. A frozen node goes on answering for its addresses after its lease");
            return null;
        }
        catch (GuardException refused)
        {
            throw new NodeStartException($"[group] guard = required, but this host cannot carry it: {refused.Message}; 'appliance check' says more, 'guard = best-effort' does without", refused);
        }
    }

    private void Verify()
    {
        IReadOnlyList<string> wrong = _guard!.Verify();
        foreach (string fault in wrong.Except(_faults)) _warn(fault);
        _faults = wrong;
    }

    // Whoever announces an address while this node owns it is no node of the group that holds the lease: that is this one.
    private void OnClaim(AddressConflict conflict)
    {
        if (conflict.Kind == ConflictKind.Probed) return;
        foreach (ServiceAddresses service in Services)
        {
            if (!service.AreHere || !service.Links.Any(link => link.Addresses.Contains(conflict.Address))) continue;
            bool isNew = !_claims.TryGetValue(conflict.Address, out var known) || known.Conflict.Claimant != conflict.Claimant || _loop.Now >= known.At + ClaimLasts;
            _claims[conflict.Address] = (conflict, _loop.Now);
            if (isNew) _warn(Describe(conflict));
        }
    }

    private static void Ask(ConflictWatch watch, IReadOnlyList<IPAddress> addresses)
    {
        for (int i = 0; i < addresses.Count; i++) watch.Ask(addresses[i]);
    }

    private static string Describe(AddressConflict conflict) =>
        $"{conflict}, although this node owns it: another host or another group has the address, or a stale primary is not fenced; its clients reach now the one, now the other";

    private static IReadOnlyList<(string Link, IPAddress[] Addresses)> LinksOf(ApplianceConfiguration configuration, ServiceOptions service)
    {
        if (service.AddressMode == AddressMode.None || service.Addresses.Count == 0 || configuration.Node.Role == MemberRole.Witness) return [];
        using var socket = new RouteSocket();
        if (service.Interface.Length > 0)
        {
            if (LinkTable.TryFind(socket, service.Interface) is null)
                throw new NodeStartException($"[service {service.Name}] interface: there is no network card '{service.Interface}' on this host; it has {string.Join(", ", LinkTable.List(socket).Select(static link => link.Name))}");
            return [(service.Interface, [.. service.Addresses])];
        }
        IReadOnlyList<InterfaceAddress> known = AddressTable.List(socket, 0);
        IReadOnlyList<NetworkLink> links = LinkTable.List(socket);
        return [.. service.Addresses.GroupBy(address => LinkOf(service, address, known, links)).Select(static group => (group.Key, group.ToArray()))];
    }

    private static string LinkOf(ServiceOptions service, IPAddress address, IReadOnlyList<InterfaceAddress> known, IReadOnlyList<NetworkLink> links)
    {
        int index = known.Where(own => own.PrefixBits < (own.Address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) && Contains(own, address)).OrderByDescending(static own => own.PrefixBits).Select(static own => own.InterfaceIndex).FirstOrDefault();
        return links.FirstOrDefault(link => link.Index == index)?.Name
            ?? throw new NodeStartException($"[service {service.Name}] no network card has an address in the network of {address}: name the card with 'interface ='");
    }

    private static bool Contains(InterfaceAddress own, IPAddress address) =>
        own.Address.AddressFamily == address.AddressFamily && new IPNetwork(Masked(own.Address, own.PrefixBits), own.PrefixBits).Contains(address);

    private static IPAddress Masked(IPAddress address, int bits)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++) bytes[i] &= (byte)(bits >= (i + 1) * 8 ? 0xFF : bits <= i * 8 ? 0 : 0xFF << ((i + 1) * 8 - bits));
        return new IPAddress(bytes);
    }
}

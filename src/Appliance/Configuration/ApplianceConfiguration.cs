using System.Net;
using Appliance.Cluster.Elections;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Configuration;

/// <summary>A whole, valid configuration of one node. Immutable.</summary>
public sealed record ApplianceConfiguration
{
    /// <summary>[node]</summary>
    public NodeOptions Node { get; init; } = new();

    /// <summary>[group]</summary>
    public GroupOptions Group { get; init; } = new();

    /// <summary>[service NAME], in the order of the file: a service's index is its number on the wire, so all nodes must have the same order (the digest sees to it).</summary>
    public IReadOnlyList<ServiceOptions> Services { get; init; } = [];

    /// <summary>[listener NAME]</summary>
    public IReadOnlyList<ListenerOptions> Listeners { get; init; } = [];

    /// <summary>[backend NAME]</summary>
    public IReadOnlyList<BackendOptions> Backends { get; init; } = [];

    /// <summary>[class NAME]: all classes, in the order of <see cref="RecordClass"/>; those that the file does not name have their defaults.</summary>
    public IReadOnlyList<ClassOptions> Classes { get; init; } = [.. Enum.GetValues<RecordClass>().Select(ClassOptions.DefaultsOf)];

    /// <summary>[admin]</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>What is promised about a class.</summary>
    public ClassOptions ClassOf(RecordClass recordClass) => Classes[(int)recordClass];

    /// <summary>The node's own addresses that a listener listens on; none when it listens on the service's only.</summary>
    internal IReadOnlyList<IPAddress> NodeAddressesOf(ListenerOptions listener) =>
        listener.Bind == ListenerBinding.Service ? [] : listener.NodeAddresses.Count > 0 ? listener.NodeAddresses : [Group.AddressOf(Node.Id)!];

    /// <summary>The node that is preferred as a service's primary.</summary>
    public string PrimaryOf(ServiceOptions service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return service.Primary.Length > 0 ? service.Primary : DataMembers.First();
    }

    /// <summary>Names of the members that hold state.</summary>
    internal IEnumerable<string> DataMembers => Group.Members.Select(static member => member.Name).Except(Group.Witnesses);

    /// <summary>What is wrong among sections, each of which is right by itself. Kind and name say where, key which setting; an empty key stands for the section.</summary>
    internal IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateRelations() =>
        ValidateMembership().Concat(ValidateServices()).Concat(ValidateListeners()).Concat(ValidateBackends()).Concat(ValidateClasses());

    private IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateMembership()
    {
        if (Group.Members.Count > 0 && Group.AddressOf(Node.Id) is null)
            yield return ("node", "", new("id", $"'{Node.Id}' is no member of the group: {string.Join(' ', Group.Members)}{Suggestion.For(Node.Id, Group.Members.Select(static member => member.Name))}"));
        if (Group.Members.Count > 0 && Group.Witnesses.Contains(Node.Id) != (Node.Role == MemberRole.Witness))
            yield return ("node", "", new("role", Node.Role == MemberRole.Witness ? $"witness, but [group] witnesses does not name '{Node.Id}'" : $"data, but [group] witnesses names '{Node.Id}'"));
        foreach (MemberAddress end in Group.SecondPath)
            if (Services.FirstOrDefault(service => service.Addresses.Contains(end.Address)) is { } moving)
                yield return ("group", "", new("second-path", $"'{end}' is an address of [service {moving.Name}], which moves: name the node's own"));
        if (Group.Window.Bytes * 2 > Node.MemoryLimit.Bytes)
            yield return ("node", "", new("memory-limit", $"{Node.MemoryLimit} must be at least twice group.window ({Group.Window}): repair and reorder buffers come out of it"));
    }

    private IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateServices()
    {
        const int mostServices = ElectionOptions.MaxServices; // what the elections say of so many fits into a beat
        if (Services.Count > mostServices) yield return ("service", Services[mostServices].Name, new("", $"is one too many: at most {mostServices} services"));
        foreach (ServiceOptions service in Services)
        {
            if (!NodeId.IsValidName(service.Name)) yield return ("service", service.Name, new("", $"'{service.Name}' is no service name: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'"));
            if (service.Name == "group") yield return ("service", service.Name, new("", "'group' is the group's own service: choose another name"));
            if (service.Primary.Length > 0 && Group.Members.Count > 0 && Group.AddressOf(service.Primary) is null)
                yield return ("service", service.Name, new("primary", $"'{service.Primary}' is no member of the group{Suggestion.For(service.Primary, Group.Members.Select(static member => member.Name))}"));
            if (Group.Witnesses.Contains(service.Primary)) yield return ("service", service.Name, new("primary", $"'{service.Primary}' is a witness and holds no state"));
            ServiceOptions? other = Services.TakeWhile(earlier => earlier != service).FirstOrDefault(earlier => earlier.Addresses.Intersect(service.Addresses).Any());
            if (other is not null) yield return ("service", service.Name, new("addresses", $"{other.Addresses.Intersect(service.Addresses).First()} belongs to [service {other.Name}] already"));
        }
    }

    private IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateBackends() =>
        from backend in Backends
        where !NodeId.IsValidName(backend.Name)
        select ("backend", backend.Name, new SettingProblem("", $"'{backend.Name}' is no name of a pool: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'"));

    private IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateListeners()
    {
        foreach (ListenerOptions listener in Listeners)
        {
            if (!NodeId.IsValidName(listener.Name)) yield return ("listener", listener.Name, new("", $"'{listener.Name}' is no listener name: 1 to {NodeId.MaxNameLength} characters of a-z, 0-9, '-', '_', '.'"));
            long largestWrite = Group.MaxKey.Bytes + Group.MaxValue.Bytes + 64; // with its framing
            if (listener.MaxCommand.Bytes < largestWrite) yield return ("listener", listener.Name, new("max-command", $"{listener.MaxCommand} does not hold a key ({Group.MaxKey}) and a value ({Group.MaxValue})"));
            if (listener.MaxReply.Bytes < largestWrite) yield return ("listener", listener.Name, new("max-reply", $"{listener.MaxReply} does not hold a value ({Group.MaxValue})"));
            if (listener.Backend.Length > 0 && Backends.All(backend => backend.Name != listener.Backend))
                yield return ("listener", listener.Name, new("backend", $"there is no [backend {listener.Backend}]{Suggestion.For(listener.Backend, Backends.Select(static known => known.Name))}"));
            if ((listener.KeepsIds || listener.UsesTickets) && Group.Security == GroupSecurity.None)
                yield return ("listener", listener.Name, new("resumption", "'off' is all that [group] security = none allows: what resumes a session never travels unsealed"));
            if (listener.Service.Length == 0) continue;
            ServiceOptions? service = Services.FirstOrDefault(service => service.Name == listener.Service);
            if (service is null)
            {
                yield return ("listener", listener.Name, new("service", $"there is no [service {listener.Service}]{Suggestion.For(listener.Service, Services.Select(static known => known.Name))}"));
                continue;
            }
            if (listener.Bind != ListenerBinding.Node && service.Addresses.Count == 0)
                yield return ("listener", listener.Name, new("bind", $"'{SettingReader.Format(listener.Bind)}' needs addresses: [service {service.Name}] has none (bind = node listens on the nodes' own)"));
            foreach (SettingProblem problem in ValidateSurvival(listener, service)) yield return ("listener", listener.Name, problem);
            ListenerOptions? other = Listeners.TakeWhile(earlier => earlier != listener).FirstOrDefault(earlier => Collide(earlier, listener));
            if (other is not null) yield return ("listener", listener.Name, new("port", $"{listener.Port} is taken at the same address by [listener {other.Name}]"));
        }
    }

    private IEnumerable<SettingProblem> ValidateSurvival(ListenerOptions listener, ServiceOptions service)
    {
        if (!listener.Survives) yield break;
        if (service.AddressMode == AddressMode.None) yield return new("survive", $"needs addresses that this program moves: [service {service.Name}] has 'address-mode = none'");
        foreach (IPAddress source in listener.Source.Except(service.Addresses)) yield return new("source", $"{source} is no address of [service {service.Name}]: servers must be reached from one that moves with it");
        if (listener.Source.GroupBy(static source => source.AddressFamily).Any(static family => family.Count() > 1)) yield return new("source", "names more than one address of a family");
        if (Backends.FirstOrDefault(backend => backend.Name == listener.Backend) is not { } backend) yield break;
        if (backend.SendProxy != SendProxy.No) yield return new("survive", $"does not go with 'send-proxy = {SettingReader.Format(backend.SendProxy)}' of [backend {backend.Name}] yet");
        if (backend.Tls != BackendTls.No) yield return new("survive", $"does not go with 'tls = {SettingReader.Format(backend.Tls)}' of [backend {backend.Name}]: what TLS has in mind ends with its node");
        foreach (BackendServer server in backend.Servers.Where(server => listener.SourceFor(server.EndPoint.AddressFamily, service) is null))
            yield return new("source", $"no address of [service {service.Name}] can reach {server.EndPoint}: it needs one of the same family");
        ListenerOptions? other = Listeners.FirstOrDefault(other => other != listener && other.Survives && other.Service == listener.Service && other.WhenShort != listener.WhenShort);
        if (other is not null) yield return new("when-short", $"must be the same as that of [listener {other.Name}], whose service it shares");
    }

    private static bool Collide(ListenerOptions left, ListenerOptions right) =>
        left.Port == right.Port && ((left.Bind != ListenerBinding.Node && right.Bind != ListenerBinding.Node && left.Service == right.Service)
            || (left.Bind != ListenerBinding.Service && right.Bind != ListenerBinding.Service
                && (left.NodeAddresses.Count == 0 && right.NodeAddresses.Count == 0 || left.NodeAddresses.Intersect(right.NodeAddresses).Any())));

    private IEnumerable<(string Kind, string Name, SettingProblem Problem)> ValidateClasses()
    {
        foreach (ClassOptions options in Classes)
        {
            string name = SettingReader.Words(options.Class.ToString());
            foreach (ClassOptions other in Classes.TakeWhile(earlier => earlier != options))
            {
                foreach (string pattern in other.Keys.Intersect(options.Keys))
                    yield return ("class", name, new("keys", $"'{pattern}' belongs to [class {SettingReader.Words(other.Class.ToString())}] already"));
            }
            if (options.Acks.Count > 0 && Group.Members.Count > 0 && options.Acks.Count >= DataMembers.Count())
                yield return ("class", name, new("acks", $"{options.Acks} others can never acknowledge: the group has {DataMembers.Count()} data members, this node among them"));
        }
    }
}

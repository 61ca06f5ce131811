using System.Text.Json;
using Appliance.Admin;
using Appliance.Cluster.Failover;
using Appliance.Cluster.Guard;
using Appliance.Commands;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Lab.Backend;

namespace Appliance.Lab;

/// <summary>A group of real nodes on this machine, whose cables, switches and processes can be broken by hand. One command at a time; the state is kept in its directory.</summary>
internal sealed class Laboratory : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private readonly LabDirectory _directory;
    private readonly LabNetwork _network;
    private readonly PacketFilter _filter;
    private readonly string _name;
    private LabState? _state;

    private Laboratory(string name)
    {
        _name = name;
        _directory = LabDirectory.Open(name);
        _network = new LabNetwork(name);
        _filter = new PacketFilter(_network.Hub);
        _state = LabState.Load(_directory.Path);
    }

    private LabState State => _state ?? throw new LabException($"there is no laboratory '{_name}': 'appliance lab up' makes one");

    /// <summary>Opens a laboratory, up or not.</summary>
    /// <exception cref="LabException">It is in use, or the name cannot be used.</exception>
    internal static Laboratory Open(string name) => new(name);

    /// <summary>Lets the next command in.</summary>
    public void Dispose() => _directory.Dispose();

    /// <summary>Makes the network and starts all nodes; they serve and hold each other's state when this returns.</summary>
    /// <param name="nodes">How many, up to <see cref="LabAddresses.MaxNodes"/>.</param>
    /// <param name="witnesses">How many of them, the last ones, only vote.</param>
    /// <param name="loopback">Without namespaces, as it is for those who are not root.</param>
    /// <param name="overrides">See <see cref="LabConfiguration.Write"/>.</param>
    /// <exception cref="LabException">It is up already, or a node does not start; then nothing remains.</exception>
    internal async Task UpAsync(int nodes, int witnesses, bool loopback, IReadOnlyList<string> overrides)
    {
        if (_state?.Nodes.Any(static node => node.Process?.IsAlive == true) == true) throw new LabException($"laboratory '{_name}' is up: 'appliance lab down' ends it");
        Clear(); // what a crash left
        _directory.Create();
        _state = Plan(nodes, witnesses, loopback);
        Save();
        try
        {
            if (!loopback)
            {
                _network.Create(_state.Nodes);
                _filter.Apply(_state);
            }
            string keyFile = Path.Combine(_directory.Path, "group.key");
            KeyFile.Generate(1).Save(keyFile);
            LabCertificate.Write(LabConfiguration.CertificateBeside(keyFile), [LabAddresses.Service, LabAddresses.Service6, .. _state.Nodes.Select(static node => node.Address)]);
            foreach (LabNode node in _state.Nodes)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(node.Config)!);
                LabConfiguration.Write(_state, node, keyFile, overrides);
            }
            LaunchBackend();
            foreach (LabNode node in _state.Nodes) Launch(node);
            await AwaitBackendAsync().ConfigureAwait(false);
            foreach (LabNode node in _state.Nodes) await AwaitAsync(node.Id, IsReady, "synchronised with all others, every service with its primary").ConfigureAwait(false);
        }
        catch
        {
            Down();
            throw;
        }
    }

    /// <summary>Ends every process that this laboratory started and removes its namespaces and its directory. Nothing to do is done.</summary>
    internal void Down()
    {
        Clear();
        _state = null;
        _directory.Remove();
    }

    /// <summary>Pulls or plugs one cable of a node, or both.</summary>
    internal void SetCable(string node, string? card, bool plugged)
    {
        RequireNamespaces(plugged ? "plug" : "pull");
        _network.SetCables(State.Node(node).Id, CardsOf(card), plugged);
    }

    /// <summary>Makes the switch ports of a node forward or not.</summary>
    internal void SetPort(string node, string? card, bool forwarding)
    {
        RequireNamespaces(forwarding ? "port-up" : "port-down");
        foreach (string each in CardsOf(card)) _network.SetPort(State.Node(node).Id, each, forwarding);
    }

    /// <summary>kill -9.</summary>
    internal void Kill(string node) => Running(node).KillAndWait();

    /// <summary>The node has no process.</summary>
    internal bool IsDown(string node) => State.Node(node).Process?.IsAlive != true;

    /// <summary>SIGSTOP: the node's kernel goes on, its program does not.</summary>
    internal void Freeze(string node) => Running(node).Freeze();

    /// <summary>SIGCONT.</summary>
    internal void Thaw(string node) => Running(node).Thaw();

    /// <summary>Starts a node that is down, with empty memory; it answers when this returns.</summary>
    internal async Task StartAsync(string node)
    {
        if (State.Node(node).Process?.IsAlive == true) throw new LabException($"node '{node}' is {State.Node(node).Process!.State}");
        Launch(State.Node(node));
        await AwaitAsync(node, static _ => true, "answering").ConfigureAwait(false);
    }

    /// <summary>Drops datagrams at random on the synchronisation network, for each receiver by itself. 0 ends it; null only reports.</summary>
    internal FaultReport Lose(double? percent, string? from, string? to)
    {
        RequireNamespaces("loss");
        if (percent is { } share)
        {
            var loss = new LabFault(Validate(share), Known(from), Known(to));
            // A rule for one link stands beside others; a rule for all replaces them.
            IEnumerable<LabFault> others = from is null && to is null ? [] : State.Losses.Where(other => (other.From, other.To) != (from, to) && (other.From ?? other.To) is not null);
            _state = State with { Losses = [.. others, loss] };
            _filter.Apply(State, resetLosses: share > 0); // after 'loss 0' the counts can still be read
            Save();
        }
        return Summarise(_filter.Losses(State));
    }

    /// <summary>Holds datagrams back at random, so that later ones overtake them. 0 ends it; null only reports.</summary>
    internal FaultReport Reorder(double? percent)
    {
        RequireNamespaces("reorder");
        if (percent is { } share)
        {
            _state = State with { Reorder = new LabFault(Validate(share), null, null) };
            if (share > 0 && State.Reorderer?.IsAlive != true) StartReorderer();
            _filter.Apply(State, resetReordering: share > 0);
            Save();
        }
        return Summarise(_filter.Reordered(State));
    }

    /// <summary>Separates two sides on both networks.</summary>
    internal void Partition(IReadOnlyList<string> left, IReadOnlyList<string> right, bool oneWay)
    {
        RequireNamespaces("partition");
        foreach (string node in left.Concat(right)) State.Node(node);
        if (left.Intersect(right).Any()) throw new LabException($"'{left.Intersect(right).First()}' stands on both sides");
        _state = State with { Partitions = [.. State.Partitions, new LabPartition(left, right, oneWay)] };
        _filter.Apply(State);
        Save();
    }

    /// <summary>Ends the partition that was made last.</summary>
    internal void Rejoin()
    {
        RequireNamespaces("partition");
        _state = State with { Partitions = [.. State.Partitions.SkipLast(1)] };
        _filter.Apply(State);
        Save();
    }

    /// <summary>Where the laboratory keeps what it remembers; gone after <see cref="Down"/>.</summary>
    internal string Home => _state is null ? throw new LabException($"there is no laboratory '{_name}': 'appliance lab up' makes one") : _directory.Path;

    /// <summary>Its clients need no namespace of their own, and no address moves.</summary>
    internal bool IsLoopback => State.Loopback;

    /// <summary>Waits until every node sees all others live and synchronised, and every service has its primary.</summary>
    /// <exception cref="LabException">That does not come about.</exception>
    internal async Task AwaitReadyAsync()
    {
        foreach (LabNode node in State.Nodes) await AwaitAsync(node.Id, IsReady, "synchronised with all others, every service with its primary").ConfigureAwait(false);
    }

    /// <summary>Ends loss, reordering and partitions, plugs every cable, raises every port.</summary>
    internal void Heal()
    {
        RequireNamespaces("heal");
        if (State.Reorderer is { } reorderer) reorderer.KillAndWait();
        _state = State with { Partitions = [], Reorderer = null, Reorder = State.Reorder is { } reorder ? reorder with { Percent = 0 } : null, Losses = [.. State.Losses.Select(static loss => loss with { Percent = 0 })] };
        _filter.Apply(State);
        foreach (LabNode node in State.Nodes)
        {
            _network.SetCables(node.Id, LabNetwork.Cards, plugged: true);
            foreach (string card in LabNetwork.Cards) _network.SetPort(node.Id, card, forwarding: true);
        }
        Save();
    }

    /// <summary>What is there now.</summary>
    internal async Task<LabReport> ReportAsync()
    {
        LabState state = State;
        NodeStatus?[] views = await Task.WhenAll(state.Nodes.Select(static node => TryGetStatusAsync(node))).ConfigureAwait(false);
        return new LabReport(
            [.. state.Nodes.Select(static node => new LabReport.Node(node.Id, node.Process?.Id ?? 0, node.Namespace, node.Address, node.Admin, node.Process?.State ?? "down"))],
            new LabReport.Place(state.ClientNamespace),
            new LabReport.AddressedPlace(state.BackendNamespace, state.BackendAddress, state.BackendPort),
            [
                DescribeService(state, views, LabConfiguration.Service, LabAddresses.Service, new LabReport.Door(LabConfiguration.Listener, "resp", state.Port), new LabReport.Door(LabConfiguration.Relay, "relay", state.RelayPort), new LabReport.Door(LabConfiguration.Secure, "tls", state.TlsPort)),
                DescribeService(state, views, LabConfiguration.SecondService, LabAddresses.SecondService, new LabReport.Door(LabConfiguration.SecondListener, "resp", state.Port + 1)),
            ],
            state.Loopback ? 0 : _filter.Losses(state).Sum(static link => link.Touched),
            state.Loopback ? 0 : _filter.Reordered(state).Sum(static link => link.Touched));
    }

    /// <summary>The status of each node that answers; null for those that do not.</summary>
    internal async Task<IReadOnlyList<(LabNode Node, NodeStatus? Status)>> ViewsAsync() =>
        await Task.WhenAll(State.Nodes.Select(static async node => (node, await TryGetStatusAsync(node).ConfigureAwait(false)))).ConfigureAwait(false);

    private static bool IsReady(NodeStatus status) =>
        (status.Synchronised || status.Services.Count == 0) && status.Members.All(static member => member is { State: "live" } and ({ Synchronised: true } or { Role: "witness" })) && status.Services.All(service => service.Primary is not null && (service.Primary != status.Id || service.Serving));

    // On loopback a service has no address of its own: it is where its primary is.
    private static LabReport.Service DescribeService(LabState state, NodeStatus?[] views, string name, string address, params LabReport.Door[] doors)
    {
        string? primary = null;
        for (int i = 0; i < views.Length; i++)
            if (views[i]?.Services.FirstOrDefault(service => service.Name == name) is { Serving: true }) primary = state.Nodes[i].Id;
        return new LabReport.Service(name, state.Loopback ? state.Nodes.FirstOrDefault(node => node.Id == primary)?.Address ?? "" : address, primary ?? "", doors);
    }

    private static double Validate(double percent) => percent is >= 0 and <= 100 ? percent : throw new LabException($"{percent} is no percentage: 0 to 100");

    private static FaultReport Summarise(IReadOnlyList<LinkCount> links) => new(links, links.Sum(static link => link.Touched));

    private static IReadOnlyList<string> CardsOf(string? card) => card is null ? LabNetwork.Cards
        : LabNetwork.Cards.Contains(card) ? [card]
        : throw new LabException($"a node has no card '{card}': {string.Join(", ", LabNetwork.Cards)}");

    private static async Task<NodeStatus?> TryGetStatusAsync(LabNode node)
    {
        if (node.Process?.State != "up") return null; // a frozen node would be waited for
        try
        {
            using var client = new AdminClient(node.Admin, TimeSpan.FromSeconds(2));
            return JsonSerializer.Deserialize(await client.GetAsync("status").ConfigureAwait(false), AdminJson.Default.NodeStatus);
        }
        catch (CommandException)
        {
            return null;
        }
    }

    // What somebody needs who asks why: what each node knows of the services, and what it said last.
    private static string Describe(LabNode node, NodeStatus? status) =>
        $"{node.Id}: {(status is null ? "does not answer" : string.Join("; ", status.Services.Select(static service => $"{service.Name}: {service.Election}")))}\n{LastLines(node.Log)}";

    private static string LastLines(string path) => File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(12)) : "it logged nothing";

    private LabState Plan(int count, int witnesses, bool loopback)
    {
        if (count is < 1 or > LabAddresses.MaxNodes) throw new LabException($"{count} nodes: a laboratory has 1 to {LabAddresses.MaxNodes}");
        if (witnesses < 0 || witnesses >= count) throw new LabException($"{witnesses} of {count} nodes cannot be witnesses: somebody must hold the state");
        var addresses = new LabAddresses(_name, loopback);
        return new LabState
        {
            Name = _name,
            Loopback = loopback,
            Port = 6379,
            ClientNamespace = loopback ? "" : _network.NamespaceOf("client"),
            BackendNamespace = loopback ? "" : _network.NamespaceOf("backend"),
            BackendAddress = addresses.Backend,
            BackendPort = addresses.BackendPort,
            RelayPort = 8080,
            TlsPort = 8443,
            Nodes = [.. Enumerable.Range(0, count).Select(index => PlanNode(addresses, index, loopback) with { IsWitness = index >= count - witnesses })],
        };
    }

    private LabNode PlanNode(LabAddresses addresses, int index, bool loopback)
    {
        string id = LabAddresses.IdOf(index);
        string home = Path.Combine(_directory.Path, id);
        return new LabNode
        {
            Id = id,
            Namespace = loopback ? "" : _network.NamespaceOf(id),
            Address = addresses.Front(index),
            SyncAddress = addresses.Sync(index),
            Admin = Path.Combine(home, "admin.sock"),
            Config = Path.Combine(home, "appliance.conf"),
            Log = Path.Combine(home, "log"),
        };
    }

    private void Launch(LabNode node)
    {
        string[] command = [.. LabProgram.Command, "run", "--config", node.Config];
        LabProcess process = LabProcess.Start([.. node.Namespace.Length == 0 ? command : LabNetwork.Inside(node.Namespace, command)], node.Log);
        _state = State.With(node with { Process = process });
        Save();
    }

    private string BackendLog => Path.Combine(_directory.Path, "backend.log");

    private void LaunchBackend()
    {
        string[] command = [.. LabProgram.Command, "lab", "serve", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{State.BackendAddress}:{State.BackendPort}")];
        _state = State with { Backend = LabProcess.Start([.. State.BackendNamespace.Length == 0 ? command : LabNetwork.Inside(State.BackendNamespace, command)], BackendLog) };
        Save();
    }

    private async Task AwaitBackendAsync()
    {
        string last = "";
        bool serves = await Polling.UntilAsync(StartPatience, () =>
        {
            bool isAlive = State.Backend?.IsAlive == true;
            last = LastLines(BackendLog);
            bool isReady = last.EndsWith(LabBackend.Ready, StringComparison.Ordinal);
            return isReady || isAlive ? Task.FromResult(isReady) : throw new LabException($"the backend does not serve: {last}");
        }).ConfigureAwait(false);
        if (!serves) throw new LabException($"the backend does not serve after {StartPatience.TotalSeconds:0} s: {last}");
    }

    private void StartReorderer()
    {
        foreach (LabNode node in State.Nodes)
        {
            if (Spawn.Try("ip", "-n", _network.Hub, "link", "add", PacketReorderer.InletOf(node.Id), "type", "veth", "peer", "name", PacketReorderer.OutletOf(node.Id)))
            {
                Spawn.Run("ip", "-n", _network.Hub, "link", "set", PacketReorderer.InletOf(node.Id), "up");
                Spawn.Run("ip", "-n", _network.Hub, "link", "set", PacketReorderer.OutletOf(node.Id), "up");
            }
        }
        string[] command = [.. LabProgram.Command, "lab", "hold-back", .. State.Nodes.Select(static node => node.Id)];
        _state = State with { Reorderer = LabProcess.Start([.. LabNetwork.Inside(_network.Hub, command)], Path.Combine(_directory.Path, "reorder.log")) };
        Save();
    }

    private async Task AwaitAsync(string id, Func<NodeStatus, bool> condition, string what)
    {
        bool came = await Polling.UntilAsync(StartPatience, async () =>
        {
            LabNode node = State.Node(id);
            if (node.Process?.IsAlive != true) throw new LabException($"node '{id}' ended: {LastLines(node.Log)}");
            return await TryGetStatusAsync(node).ConfigureAwait(false) is { } status && condition(status);
        }).ConfigureAwait(false);
        if (!came) throw new LabException($"node '{id}' is not {what} after {StartPatience.TotalSeconds:0} s:\n{string.Join('\n', (await ViewsAsync().ConfigureAwait(false)).Select(static view => Describe(view.Node, view.Status)))}");
    }

    private LabProcess Running(string node) => State.Node(node).Process is { IsAlive: true } process ? process : throw new LabException($"node '{node}' is down: 'appliance lab start {node}' starts it");

    private string? Known(string? node) => node is null ? null : State.Node(node).Id;

    private void RequireNamespaces(string verb)
    {
        if (State.Loopback) throw new LabException($"'{verb}' needs namespaces: run the laboratory as root, without --loopback");
    }

    private void Clear()
    {
        if (_state is not null)
        {
            _state.Reorderer?.KillAndWait();
            _state.Backend?.KillAndWait();
            Parallel.ForEach(_state.Nodes.Where(static node => node.Process is not null), static node => node.Process!.EndAndWait());
        }
        if (!Environment.IsPrivilegedProcess) return;
        foreach (LabNode node in _state is { Loopback: false } ? _state.Nodes : []) LeaseGuard.Uninstall(AddressFence.GuardOf(_name, node.Id)); // a killed node leaves its guard
        _network.Destroy();
    }

    private void Save() => State.Save(_directory.Path);
}

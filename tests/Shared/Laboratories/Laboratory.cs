using System.Net;
using System.Text.Json;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>A laboratory of real processes in network namespaces, driven by the product's own <c>appliance lab</c>. Disposing takes it down.</summary>
internal sealed class Laboratory : IDisposable
{
    /// <summary>The service that most tests write to, and the one whose first primary is another node.</summary>
    public const string Service = "demo", SecondService = "second";

    /// <summary>Options with which no busy machine makes a node lose its lease: for tests that are not about failover.</summary>
    public static readonly string[] Patient = ["--set", "group.heartbeat=20ms", "--set", "group.dead-after=3s", "--set", "group.lease=2s", "--set", Untimed];

    /// <summary>Options with which somebody takes over soon, and on a busy machine nobody by mistake: for tests that are not about how long it takes.</summary>
    public static readonly string[] Calm = ["--set", "group.dead-after=500ms", "--set", "group.lease=400ms", "--set", Untimed];

    private const string Untimed = "node.compile-ahead=no";

    private static readonly TimeSpan ElectionLimit = TimeSpan.FromSeconds(20);
    private static int _started;
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(90);
    private readonly string _name;
    private readonly string[] _command;
    private string _lastPrimary = "";

    /// <summary>What <c>--name</c> calls it.</summary>
    public string Name => _name;

    // What is not about speed starts with half the compiler's work: a test run is over sooner.
    private Laboratory(string name, bool isTimed) => (_name, _command) = (name, isTimed ? [Program] : ["env", "DOTNET_TieredPGO=0", Program]);

    public static string Program => TestedProgram.Path;

    public IReadOnlyList<LabNode> Nodes { get; private set; } = [];

    /// <summary>What <c>lab up --json</c> printed.</summary>
    public string Report { get; private set; } = "";

    public string ClientNamespace { get; private set; } = "";

    public LabNode this[string id] => Nodes.Single(node => node.Id == id);

    /// <summary>Who answers for the service now; waits for an election.</summary>
    public LabNode Primary => AwaitPrimary(Service);

    /// <summary>All others, as of now.</summary>
    public IReadOnlyList<LabNode> Secondaries
    {
        get
        {
            LabNode primary = Primary;
            return [.. Nodes.Where(node => node.Id != primary.Id)];
        }
    }

    /// <summary>Where the service answers, whoever is its primary.</summary>
    public IPAddress ServiceAddress { get; private set; } = IPAddress.None;

    public int RespPort { get; private set; }

    public int RelayPort { get; private set; }

    public int TlsPort { get; private set; }

    /// <summary>Starts a laboratory; extra configuration lines replace or add keys of sections.</summary>
    public static Laboratory Up(int nodes = 3, params string[] options)
    {
        // Names of interfaces are limited to 15 characters: keep it short, unique per process and laboratory.
        var laboratory = new Laboratory($"t{Environment.ProcessId % 100000}{(char)('a' + Interlocked.Increment(ref _started) % 26)}", isTimed: !options.Contains(Untimed));
        try
        {
            laboratory.Report = laboratory.Lab(["up", "--nodes", nodes.ToString(), "--json", .. options]);
            laboratory.Refresh();
            return laboratory;
        }
        catch
        {
            laboratory.Dispose();
            throw;
        }
    }

    /// <summary>Runs <c>appliance lab ...</c> for this laboratory and demands success.</summary>
    public string Lab(params string[] arguments)
    {
        Shell.Outcome outcome = Shell.Try(CommandLimit, _command[0], [.. _command[1..], "lab", arguments[0], "--name", _name, .. arguments[1..]]);
        return outcome.ExitCode == 0
            ? outcome.Output
            : throw new InvalidOperationException($"appliance lab {string.Join(' ', arguments)} ended with {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
    }

    /// <summary>Reads <c>lab status --json</c>.</summary>
    public JsonElement Refresh()
    {
        JsonElement root = JsonDocument.Parse(Lab("status", "--json")).RootElement;
        ClientNamespace = root.GetProperty("client").GetProperty("namespace").GetString()!;
        JsonElement service = root.GetProperty("services")[0];
        RelayPort = service.GetProperty("listeners").EnumerateArray().First(listener => listener.GetProperty("type").GetString() == "relay").GetProperty("port").GetInt32();
        TlsPort = service.GetProperty("listeners").EnumerateArray().First(listener => listener.GetProperty("type").GetString() == "tls").GetProperty("port").GetInt32();
        _lastPrimary = service.GetProperty("primary").GetString()!;
        ServiceAddress = IPAddress.Parse(service.GetProperty("address").GetString()!);
        RespPort = service.GetProperty("listeners").EnumerateArray().First(listener => listener.GetProperty("type").GetString() == "resp").GetProperty("port").GetInt32();
        Nodes = [.. root.GetProperty("nodes").EnumerateArray().Select(node => new LabNode(
            this,
            node.GetProperty("id").GetString()!,
            node.TryGetProperty("pid", out JsonElement pid) && pid.ValueKind == JsonValueKind.Number ? pid.GetInt32() : 0,
            node.GetProperty("namespace").GetString()!,
            IPAddress.Parse(node.GetProperty("address").GetString()!),
            node.GetProperty("admin").GetString()!))];
        return root;
    }

    /// <summary>Opens a connection from the client's namespace to a node's Redis listener.</summary>
    public RespClient Connect(LabNode node) =>
        NetworkNamespace.Run(ClientNamespace, () => RespClient.Connect(new IPEndPoint(node.Address, RespPort)));

    /// <summary>Opens a connection from the client's namespace to the service, whoever is its primary.</summary>
    public RespClient ConnectToService() => NetworkNamespace.Run(ClientNamespace, () => RespClient.Connect(new IPEndPoint(ServiceAddress, RespPort)));

    /// <summary>Waits until a node answers for a service.</summary>
    /// <param name="service">The service.</param>
    /// <param name="after">A node that no longer counts.</param>
    public LabNode AwaitPrimary(string service, LabNode? after = null)
    {
        LabNode? primary = null;
        // Who was primary is asked first: the others may be frozen.
        Until.True($"a node{(after is null ? "" : $" other than {after.Id}")} serves {service}", ElectionLimit, () =>
            (primary = Nodes.Where(node => node.Id != after?.Id).OrderBy(node => node.Id != _lastPrimary).FirstOrDefault(node => node.Serves(service))) is not null);
        if (service == Service) _lastPrimary = primary!.Id;
        return primary!;
    }

    /// <summary>Hands a service over to a node, as an operator does.</summary>
    public void Promote(LabNode node, string service)
    {
        Shell.Outcome outcome = default!;
        Until.True($"{node.Id} may be elected", ElectionLimit, () =>
        {
            outcome = Shell.Try(CommandLimit, Program, "promote", node.Id, service, "--admin", AwaitPrimary(service).Admin);
            return !outcome.Error.Contains("started less than dead-after ago", StringComparison.Ordinal);
        });
        if (outcome.ExitCode != 0) throw new InvalidOperationException($"promote {node.Id} {service} ended with {outcome.ExitCode}: {outcome.Error}");
        Until.True($"{node.Id} serves {service}", ElectionLimit, () => node.Serves(service));
        if (service == Service) _lastPrimary = node.Id;
    }

    /// <summary>Waits until every node holds everything, nobody lags, and all follow the same primaries: who was cut off learns that he missed something from them.</summary>
    public void AwaitConverged(TimeSpan limit) =>
        Until.True("all nodes are synchronised and nobody lags", limit, () =>
            Nodes.All(static node => node.IsConverged()) && Nodes.Select(static node => node.Primaries()).Where(static primaries => primaries.Length > 0).Distinct().Count() == 1);

    /// <summary>Waits until every node sees every other live and synchronised; they may lag while something is written.</summary>
    public void AwaitSynchronised(TimeSpan limit) =>
        Until.True("all nodes see each other synchronised", limit, () => Nodes.All(static node => node.Status().GetProperty("members").EnumerateArray().All(
            static member => member.GetProperty("state").GetString() == "live" && member.GetProperty("synchronised").GetBoolean())));

    /// <summary>What the packet filter dropped towards each receiver since the loss was set: asked share, packets seen, packets dropped.</summary>
    public IReadOnlyList<(string To, double Percent, long Seen, long Dropped)> Losses() =>
        [.. JsonDocument.Parse(Lab("loss", "--json")).RootElement.GetProperty("links").EnumerateArray().Select(link => (
            link.GetProperty("to").GetString()!, link.GetProperty("percent").GetDouble(), link.GetProperty("seen").GetInt64(), link.GetProperty("touched").GetInt64()))];

    /// <summary>Makes a new group key, gives it to every node and lets them seal with it, as docs/operations.md tells an operator to.</summary>
    public void RotateGroupKey()
    {
        foreach (string step in new[] { "--add", "--promote", "--retire" })
        {
            Shell.Run(Program, "keygen", step, KeyFile);
            foreach (LabNode node in Nodes) Shell.Run(Program, "reload", "--admin", node.Admin);
        }
    }

    /// <summary>Where the laboratory keeps its files.</summary>
    public string StateDirectory => Path.GetDirectoryName(Nodes[0].Home)!;

    /// <summary>The group's keys.</summary>
    public string KeyFile => Path.Combine(StateDirectory, "group.key");

    /// <summary>What a node has logged so far.</summary>
    public string LogOf(LabNode node) => File.ReadAllText(Path.Combine(node.Home, "log"));

    public void Dispose() => Shell.Try(CommandLimit, Program, "lab", "down", "--name", _name);
}

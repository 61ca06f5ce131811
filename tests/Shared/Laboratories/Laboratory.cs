using System.Net;
using System.Text.Json;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>A laboratory of real processes in network namespaces, driven by the product's own <c>appliance lab</c>. Disposing takes it down.</summary>
internal sealed class Laboratory : IDisposable
{
    private static int _started;
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(90);
    private readonly string _name;

    /// <summary>What <c>--name</c> calls it.</summary>
    public string Name => _name;

    private Laboratory(string name) => _name = name;

    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "appliance");

    public IReadOnlyList<LabNode> Nodes { get; private set; } = [];

    /// <summary>What <c>lab up --json</c> printed.</summary>
    public string Report { get; private set; } = "";

    public string ClientNamespace { get; private set; } = "";

    public LabNode this[string id] => Nodes.Single(node => node.Id == id);

    public LabNode Primary => this[PrimaryId];

    public IEnumerable<LabNode> Secondaries => Nodes.Where(node => node.Id != PrimaryId);

    private string PrimaryId { get; set; } = "";

    public int RespPort { get; private set; }

    public int RelayPort { get; private set; }

    /// <summary>Starts a laboratory; extra configuration lines replace or add keys of sections.</summary>
    public static Laboratory Up(int nodes = 3, params string[] options)
    {
        // Names of interfaces are limited to 15 characters: keep it short, unique per process and laboratory.
        var laboratory = new Laboratory($"t{Environment.ProcessId % 100000}{(char)('a' + Interlocked.Increment(ref _started) % 26)}");
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
        Shell.Outcome outcome = Shell.Try(CommandLimit, Program, ["lab", arguments[0], "--name", _name, .. arguments[1..]]);
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
        PrimaryId = service.GetProperty("primary").GetString()!;
        RelayPort = service.GetProperty("listeners").EnumerateArray().First(listener => listener.GetProperty("type").GetString() == "relay").GetProperty("port").GetInt32();
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

    /// <summary>Waits until every node holds everything and nobody lags.</summary>
    public void AwaitConverged(TimeSpan limit) =>
        Until.True("all nodes are synchronised and nobody lags", limit, () => Nodes.All(static node => node.IsConverged()));

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

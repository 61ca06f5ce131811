using System.Text.Json;
using Appliance.Host;

namespace Appliance.Lab;

/// <summary>One node of a laboratory.</summary>
internal sealed record LabNode
{
    /// <summary>Its id: a, b, c ...</summary>
    public required string Id { get; init; }

    /// <summary>It only votes.</summary>
    public bool IsWitness { get; init; }

    /// <summary>Its network namespace; empty in a laboratory on loopback.</summary>
    public required string Namespace { get; init; }

    /// <summary>Its address on the front network, where its listeners are.</summary>
    public required string Address { get; init; }

    /// <summary>Its address on the synchronisation network.</summary>
    public required string SyncAddress { get; init; }

    /// <summary>Its admin socket.</summary>
    public required string Admin { get; init; }

    /// <summary>Its configuration file.</summary>
    public required string Config { get; init; }

    /// <summary>Its log.</summary>
    public required string Log { get; init; }

    /// <summary>Its process; null before the first start.</summary>
    public LabProcess? Process { get; init; }
}

/// <summary>Loss or reordering of datagrams on the synchronisation network.</summary>
/// <param name="Percent">How many of a hundred.</param>
/// <param name="From">The sender; null for any.</param>
/// <param name="To">The receiver; null for each, independently.</param>
internal sealed record LabFault(double Percent, string? From, string? To);

/// <summary>Nothing passes from the nodes of one side to those of the other.</summary>
/// <param name="Left">Ids.</param>
/// <param name="Right">Ids.</param>
/// <param name="OneWay">Only what left sends to right is dropped.</param>
internal sealed record LabPartition(IReadOnlyList<string> Left, IReadOnlyList<string> Right, bool OneWay);

/// <summary>Everything that a laboratory must remember between two commands. Kept in its directory.</summary>
internal sealed record LabState
{
    private const string FileName = "lab.json";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The laboratory's name.</summary>
    public required string Name { get; init; }

    /// <summary>On loopback, without namespaces.</summary>
    public required bool Loopback { get; init; }

    /// <summary>The nodes.</summary>
    public required IReadOnlyList<LabNode> Nodes { get; init; }

    /// <summary>Port of the service's listener.</summary>
    public required int Port { get; init; }

    /// <summary>Namespace of the clients; empty on loopback.</summary>
    public required string ClientNamespace { get; init; }

    /// <summary>Namespace of the backend; empty on loopback.</summary>
    public required string BackendNamespace { get; init; }

    /// <summary>Address of the backend.</summary>
    public required string BackendAddress { get; init; }

    /// <summary>Port of the backend.</summary>
    public int BackendPort { get; init; }

    /// <summary>Port of the relay in front of the backend.</summary>
    public int RelayPort { get; init; }

    /// <summary>Port of the TLS listener in front of the backend.</summary>
    public int TlsPort { get; init; }

    /// <summary>The backend's process; null before the first start.</summary>
    public LabProcess? Backend { get; init; }

    /// <summary>Loss in force.</summary>
    public IReadOnlyList<LabFault> Losses { get; init; } = [];

    /// <summary>Reordering in force.</summary>
    public LabFault? Reorder { get; init; }

    /// <summary>The process that reorders; null when none does.</summary>
    public LabProcess? Reorderer { get; init; }

    /// <summary>Partitions in force.</summary>
    public IReadOnlyList<LabPartition> Partitions { get; init; } = [];

    /// <summary>Reads a laboratory's state; null when there is none.</summary>
    internal static LabState? Load(string directory)
    {
        string path = Path.Combine(directory, FileName);
        return File.Exists(path) ? JsonSerializer.Deserialize<LabState>(File.ReadAllText(path), Json) : null;
    }

    /// <summary>Keeps the state.</summary>
    internal void Save(string directory) =>
        AtomicFile.Write(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Json), UnixFileMode.UserRead | UnixFileMode.UserWrite);

    /// <summary>A node by its id.</summary>
    /// <exception cref="LabException">There is none of that id.</exception>
    internal LabNode Node(string id) => Nodes.FirstOrDefault(node => node.Id == id)
        ?? throw new LabException($"there is no node '{id}': {string.Join(' ', Nodes.Select(static node => node.Id))}");

    /// <summary>The state with one node changed.</summary>
    internal LabState With(LabNode changed) => this with { Nodes = [.. Nodes.Select(node => node.Id == changed.Id ? changed : node)] };
}

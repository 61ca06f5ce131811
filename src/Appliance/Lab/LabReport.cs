using System.Text.Json;
using System.Text.Json.Serialization;

namespace Appliance.Lab;

/// <summary>What <c>lab up --json</c> and <c>lab status --json</c> print. Field names are stable (docs/operations.md).</summary>
internal sealed record LabReport(
    IReadOnlyList<LabReport.Node> Nodes,
    LabReport.Place Client,
    LabReport.AddressedPlace Backend,
    IReadOnlyList<LabReport.Service> Services,
    long Dropped,
    long Reordered)
{
    /// <summary>One node; <c>state</c> is up, frozen or down.</summary>
    internal sealed record Node(string Id, int Pid, string Namespace, string Address, string Admin, string State);

    /// <summary>A namespace beside the nodes.</summary>
    internal sealed record Place(string Namespace);

    /// <summary>A namespace with its address and the port of its HTTP server.</summary>
    internal sealed record AddressedPlace(string Namespace, string Address, int Port);

    /// <summary>A service, where its primary answers now.</summary>
    internal sealed record Service(string Name, string Address, string Primary, IReadOnlyList<Door> Listeners);

    /// <summary>A listener.</summary>
    internal sealed record Door(string Name, string Type, int Port);

    /// <summary>The report as JSON in one line.</summary>
    internal string ToJson() => JsonSerializer.Serialize(this, LabJson.Default.LabReport);
}

/// <summary>JSON of the laboratory.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(LabReport))]
[JsonSerializable(typeof(FaultReport))]
internal sealed partial class LabJson : JsonSerializerContext;

/// <summary>What <c>lab loss</c> and <c>lab reorder</c> print with <c>--json</c>: per link what was asked for and what was done since.</summary>
internal sealed record FaultReport(IReadOnlyList<LinkCount> Links, long Touched);

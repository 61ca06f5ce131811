using System.Text.Json;
using System.Text.Json.Serialization;

namespace Appliance.Drills;

/// <summary>What the prober measured in one round. Times are microseconds of the boot clock.</summary>
/// <param name="Listeners">By listener of the service.</param>
/// <param name="Echo">ICMP; null where it may not be sent.</param>
/// <param name="Acknowledged">Purchases that were acknowledged.</param>
/// <param name="Lost">Of these, those that were not there afterwards.</param>
/// <param name="Refused">Purchases that were refused: nothing was promised.</param>
/// <param name="Unknown">Purchases whose connection broke before the answer.</param>
/// <param name="Sessions">Standing sessions.</param>
/// <param name="Resumed">Those that went on, by another connection, after theirs had ended.</param>
/// <param name="Survived">Those whose connection outlived the takeover.</param>
internal sealed record ProbeReport(IReadOnlyList<ListenerGap> Listeners, GapReport? Echo, int Acknowledged, int Lost, int Refused, int Unknown, int Sessions, int Resumed, int Survived);

/// <summary>What new connections to one listener saw.</summary>
/// <param name="Name">The listener.</param>
/// <param name="Type"><c>resp</c> or <c>relay</c>.</param>
/// <param name="Gap">The interruption; null when no answer came any more.</param>
/// <param name="Started">Connections begun.</param>
/// <param name="Succeeded">Those that were answered.</param>
/// <param name="Refused">Those that were refused or reset.</param>
internal sealed record ListenerGap(string Name, string Type, GapReport? Gap, int Started, int Succeeded, int Refused);

/// <summary>An interruption.</summary>
/// <param name="Last">Last answer before it.</param>
/// <param name="First">First answer after it.</param>
/// <param name="Lateness">How late the prober itself was at worst meanwhile, in microseconds.</param>
internal sealed record GapReport(long Last, long First, long Lateness)
{
    /// <summary>From a gap; null for none.</summary>
    internal static GapReport? Of(ProbeGap? gap) => gap is { } known ? new GapReport(known.Last.Nanoseconds / 1000, known.First.Nanoseconds / 1000, (long)known.Lateness.TotalMicroseconds) : null;
}

/// <summary>What the prober is to probe: one listener.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type"><c>resp</c> or <c>relay</c>.</param>
/// <param name="Address">The service's address.</param>
/// <param name="Port">Its port.</param>
internal sealed record ProbeTarget(string Name, string Type, string Address, int Port);

/// <summary>JSON between a drill and its prober, of drills' reports and of their history.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ProbeReport))]
[JsonSerializable(typeof(ProbeTarget[]))]
[JsonSerializable(typeof(DrillReport))]
[JsonSerializable(typeof(DrillReport[]))]
internal sealed partial class DrillJson : JsonSerializerContext;

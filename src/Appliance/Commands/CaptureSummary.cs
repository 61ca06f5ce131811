using System.Globalization;
using System.Text.Json;
using Appliance.TcpStateMirror.Flows;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Commands;

/// <summary>What a capture saw in all, and the bad packets by reason.</summary>
internal static class CaptureSummary
{
    /// <summary>Writes one line.</summary>
    /// <param name="error">Where; connections alone go to the standard output.</param>
    /// <param name="counters">The counts.</param>
    /// <param name="json">As JSON.</param>
    /// <param name="dropped">Frames that the kernel could not hand over; null for a file.</param>
    internal static void Write(TextWriter error, FlowCounters counters, bool json, long? dropped = null)
    {
        Dictionary<string, long> bad = [];
        foreach (PacketVerdict verdict in Enum.GetValues<PacketVerdict>())
        {
            if (verdict >= PacketVerdict.TruncatedLink && counters[verdict] > 0) bad[JsonNamingPolicy.CamelCase.ConvertName(verdict.ToString())] = counters[verdict];
        }
        if (counters.MalformedOptions > 0) bad["malformedOptions"] = counters.MalformedOptions;
        if (counters.MalformedHellos > 0) bad["malformedHellos"] = counters.MalformedHellos;
        if (json)
        {
            error.WriteLine(JsonSerializer.Serialize(new
            {
                frames = counters.Frames,
                segments = counters[PacketVerdict.Segment],
                notTcp = counters[PacketVerdict.NotTcp],
                fragments = counters[PacketVerdict.Fragment],
                connections = counters.Connections,
                evictions = counters.Evictions,
                hellosSkipped = counters.HellosSkipped,
                dropped,
                bad,
            }));
            return;
        }
        string badText = bad.Count == 0 ? "no bad ones" : $"bad: {string.Join(", ", bad.Select(static pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:n0}")))}";
        string droppedText = dropped is { } lost ? string.Create(CultureInfo.InvariantCulture, $", {lost:n0} dropped by the kernel") : "";
        string evictedText = counters.Evictions > 0 ? string.Create(CultureInfo.InvariantCulture, $", {counters.Evictions:n0} told early because the table was full") : "";
        error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{counters.Frames:n0} frames, {counters[PacketVerdict.Segment]:n0} segments of {counters.Connections:n0} connections{evictedText}; {badText}{droppedText}"));
    }
}

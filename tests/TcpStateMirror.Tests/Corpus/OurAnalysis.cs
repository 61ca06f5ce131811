using System.Text;
using System.Text.Json;
using Appliance.TcpStateMirror.Capture;
using Appliance.TcpStateMirror.Flows;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>What the product finds in a capture: its JSON lines in the order in which the connections began, and the counters.</summary>
internal sealed record OurAnalysis(IReadOnlyList<JsonElement> Connections, FlowCounters Counters)
{
    internal static OurAnalysis Of(string file)
    {
        using IPacketSource source = PacketFile.Open(file);
        return Of(source);
    }

    internal static OurAnalysis Of(IPacketSource source)
    {
        var lines = new List<string>();
        using var json = new FlowJson();
        var table = new FlowTable<Sink>(new FlowTableOptions(), new Sink(lines, json));
        while (source.Read(table))
        {
        }
        table.Finish();
        return new OurAnalysis([.. lines.Select(static line => JsonDocument.Parse(line).RootElement).OrderBy(static line => line.GetProperty("connection").GetInt64())], table.Counters);
    }

    private readonly struct Sink(List<string> lines, FlowJson json) : IFlowSink
    {
        public void OnEnded(Flow flow, FlowEnd end) => lines.Add(Encoding.UTF8.GetString(json.Write(flow, end)));
    }
}

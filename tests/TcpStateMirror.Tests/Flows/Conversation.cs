using System.Net;
using System.Text;
using System.Text.Json;
using Appliance.TcpStateMirror.Flows;
using Appliance.TcpStateMirror.Packets;
using Appliance.Tests.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Flows;

/// <summary>Segments between a client and a server, one millisecond apart unless told otherwise, and what the flow table makes of them.</summary>
internal sealed class Conversation
{
    internal const uint ClientStart = 1000, ServerStart = 0xffff_fff0; // the server's numbers wrap early
    internal const ushort ClientPort = 40000, ServerPort = 443;

    private readonly List<string> _lines = [];
    private readonly FlowJson _json = new();
    private readonly FlowTable<Sink> _table;
    private readonly bool _sixth;

    internal Conversation(FlowTableOptions? options = null, bool sixth = false)
    {
        _table = new FlowTable<Sink>(options ?? new FlowTableOptions(), new Sink(_lines, _json));
        _sixth = sixth;
    }

    internal long Now { get; private set; } = 1_000_000_000_000;

    internal FlowCounters Counters => _table.Counters;

    internal int Held => _table.Count;

    /// <summary>What was told so far.</summary>
    internal IReadOnlyList<JsonElement> Told => [.. _lines.Select(static line => JsonDocument.Parse(line).RootElement)];

    internal Conversation After(double milliseconds)
    {
        Now += (long)(milliseconds * 1e6);
        return this;
    }

    /// <summary>The client sends; numbers are relative to the first.</summary>
    internal Conversation C(TcpFlags flags, uint sequence = 0, uint acknowledgement = 0, int length = 0, ushort window = 1000, ushort port = ClientPort) =>
        Send(true, flags, ClientStart + sequence, ServerStart + acknowledgement, new byte[length], window, port);

    /// <summary>The server sends.</summary>
    internal Conversation S(TcpFlags flags, uint sequence = 0, uint acknowledgement = 0, int length = 0, ushort window = 1000, ushort port = ClientPort) =>
        Send(false, flags, ServerStart + sequence, ClientStart + acknowledgement, new byte[length], window, port);

    internal Conversation Send(bool fromClient, TcpFlags flags, uint sequence, uint acknowledgement, ReadOnlySpan<byte> payload, ushort window = 1000, ushort port = ClientPort)
    {
        (IPAddress client, IPAddress server) = _sixth ? (Frames.Client6, Frames.Server6) : (Frames.Client, Frames.Server);
        Now += 1_000_000;
        _table.OnDatagram(Now, fromClient
            ? Frames.Datagram(client, server, port, ServerPort, sequence, acknowledgement, flags, payload, window)
            : Frames.Datagram(server, client, ServerPort, port, sequence, acknowledgement, flags, payload, window));
        return this;
    }

    /// <summary>SYN, SYN-ACK, ACK: a round trip of two milliseconds.</summary>
    internal Conversation Handshake() => C(TcpFlags.Syn).S(TcpFlags.Syn | TcpFlags.Ack, 0, 1).C(TcpFlags.Ack, 1, 1);

    internal Conversation Expire()
    {
        _table.Expire(Now);
        return this;
    }

    /// <summary>Ends the input.</summary>
    /// <returns>The only connection.</returns>
    internal JsonElement Only()
    {
        _table.Finish();
        return Assert.Single(Told);
    }

    internal IReadOnlyList<JsonElement> All()
    {
        _table.Finish();
        return Told;
    }

    private readonly struct Sink(List<string> lines, FlowJson json) : IFlowSink
    {
        public void OnEnded(Flow flow, FlowEnd end) => lines.Add(Encoding.UTF8.GetString(json.Write(flow, end)));
    }
}

internal static class JsonShort
{
    internal static string Text(this JsonElement element, string path)
    {
        foreach (string part in path.Split('.')) element = element.GetProperty(part);
        return element.ToString();
    }
}

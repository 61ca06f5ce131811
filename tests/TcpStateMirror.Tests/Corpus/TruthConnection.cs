using System.Globalization;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>One connection as tshark sees it. Sides are by end point; who is the client is told by the SYN.</summary>
internal sealed class TruthConnection
{
    private const long Syn = 2, Ack = 16;
    private string? _client;

    internal Dictionary<string, TruthSide> Sides { get; } = [];

    internal Dictionary<string, object?> Tls { get; } = [];

    /// <summary>The client's end point; null when the capture has no SYN.</summary>
    internal string? Client => _client;

    internal void Add(TruthFrame frame)
    {
        string address = frame["ip.src"].Length > 0 ? frame["ip.src"].Split(',')[^1] : frame["ipv6.src"].Split(',')[^1];
        string from = $"{address} {frame["tcp.srcport"]}";
        if (!Sides.TryGetValue(from, out TruthSide? side)) Sides[from] = side = new TruthSide();
        side.Add(frame);
        long flags = frame.Number("tcp.flags")!.Value;
        if ((flags & Syn) != 0 && _client is null)
        {
            if ((flags & Ack) == 0) _client = from;
        }
        if (frame["tls.handshake.type"].Length > 0) AddTls(frame);
    }

    // Values of several hellos in one frame stand together; each scenario has one kind per frame, or the lists are told apart by their order.
    private void AddTls(TruthFrame frame)
    {
        const string helloRetry = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
        string[] types = frame.List("tls.handshake.type");
        if (types.Contains("1"))
        {
            Tls["clientSessionId"] = frame["tls.handshake.session_id"];
            Tls["serverName"] = NullIfEmpty(frame["tls.handshake.extensions_server_name"]);
            Tls["alpnOffered"] = frame["tls.handshake.extensions_alpn_str"];
            Tls["pskIdentity"] = NullIfEmpty(frame.List("tls.handshake.extensions.psk.identity.identity").FirstOrDefault());
        }
        if (types.Contains("2"))
        {
            if (frame["tls.handshake.random"].StartsWith(helloRetry, StringComparison.Ordinal))
            {
                Tls["helloRetried"] = true;
                return;
            }
            string[] versions = frame.List("tls.handshake.extensions.supported_version");
            Tls["version"] = Name(versions.Length > 0 ? versions[0] : frame.List("tls.handshake.version")[0]);
            Tls["cipher"] = frame.Number("tls.handshake.ciphersuite");
            Tls["serverSessionId"] = frame["tls.handshake.session_id"];
            Tls["alpn"] = NullIfEmpty(frame["tls.handshake.extensions_alpn_str"]);
            // RFC 8446: pre_shared_key (41) in the ServerHello; before, no certificate follows.
            Tls["resumed"] = !Equals(Tls["version"], "TLS 1.3") || frame.List("tls.handshake.extension.type").Contains("41");
        }
        if (types.Contains("11") || types.Contains("14")) Tls["resumed"] = false;
        if (types.Contains("4") && frame["tls.handshake.session_ticket_lifetime_hint"].Length > 0)
        {
            Tls["ticketIssued"] = NullIfEmpty(frame["tls.handshake.session_ticket"]);
            Tls["ticketLifetimeSeconds"] = frame.Number("tls.handshake.session_ticket_lifetime_hint");
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static string Name(string version) => version switch { "0x0304" => "TLS 1.3", "0x0303" => "TLS 1.2", "0x0302" => "TLS 1.1", "0x0301" => "TLS 1.0", _ => version };
}

/// <summary>One direction as tshark sees it; the names are those of our JSON.</summary>
internal sealed class TruthSide
{
    private static readonly (long Bit, string Name)[] FlagNames = [(2, "SYN"), (16, "ACK"), (8, "PSH"), (1, "FIN"), (4, "RST"), (32, "URG"), (64, "ECE"), (128, "CWR"), (256, "AE")];
    private long _flags;

    internal Dictionary<string, object?> Values { get; } = new()
    {
        ["packets"] = 0L,
        ["bytes"] = 0L,
        ["retransmissions"] = 0L,
        ["outOfOrder"] = 0L,
        ["sackSegments"] = 0L,
        ["sackPermitted"] = false,
        ["timestamps"] = false,
        ["firstAcknowledgement"] = null,
        ["lastAcknowledgement"] = null,
        ["windowScale"] = null,
        ["mss"] = null,
        ["firstTimestamp"] = null,
        ["lastTimestamp"] = null,
        ["lastTimestampEcho"] = null,
    };

    internal long Flags => _flags;

    internal void Add(TruthFrame frame)
    {
        long flags = frame.Number("tcp.flags")!.Value & 0x1ff;
        _flags |= flags;
        Values["flags"] = string.Join(' ', FlagNames.Where(flag => (_flags & flag.Bit) != 0).Select(static flag => flag.Name));
        Count("packets", 1);
        Count("bytes", frame.Number("tcp.len") ?? 0);
        Count("retransmissions", frame["tcp.analysis.retransmission"].Length > 0 ? 1 : 0);
        Count("outOfOrder", frame["tcp.analysis.out_of_order"].Length > 0 ? 1 : 0);
        Count("sackSegments", frame["tcp.options.sack.count"].Length > 0 ? 1 : 0);
        Values.TryAdd("firstSequence", frame.Number("tcp.seq_raw"));
        Values["lastSequence"] = frame.Number("tcp.seq_raw");
        Values["window"] = frame.Number("tcp.window_size_value");
        Values["windowBytes"] = frame.Number("tcp.window_size");
        if ((flags & 16) != 0)
        {
            Values["firstAcknowledgement"] ??= frame.Number("tcp.ack_raw");
            Values["lastAcknowledgement"] = frame.Number("tcp.ack_raw");
        }
        if ((flags & 2) != 0)
        {
            Values["windowScale"] ??= frame.Number("tcp.options.wscale.shift");
            Values["mss"] ??= frame.Number("tcp.options.mss_val");
            if (frame["tcp.options.sack_perm"].Length > 0) Values["sackPermitted"] = true;
        }
        if (frame.Number("tcp.options.timestamp.tsval") is { } clock)
        {
            Values["timestamps"] = true;
            Values["firstTimestamp"] ??= clock;
            Values["lastTimestamp"] = clock;
            Values["lastTimestampEcho"] = frame.Number("tcp.options.timestamp.tsecr");
        }
    }

    private void Count(string name, long count) => Values[name] = (long)Values[name]! + count;
}

using System.Globalization;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>What tshark finds in a capture, gathered per connection and direction from its lines per frame.</summary>
internal sealed class TsharkTruth
{
    private static readonly string[] Fields =
    [
        "tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.flags", "tcp.window_size_value", "tcp.window_size",
        "tcp.options.wscale.shift", "tcp.options.mss_val", "tcp.options.sack_perm", "tcp.options.timestamp.tsval", "tcp.options.timestamp.tsecr", "tcp.options.sack.count",
        "tcp.analysis.retransmission", "tcp.analysis.out_of_order", "frame.time_epoch",
        "tls.handshake.type", "tls.handshake.session_id", "tls.handshake.ciphersuite", "tls.handshake.version", "tls.handshake.extensions.supported_version", "tls.handshake.extensions_server_name",
        "tls.handshake.extensions_alpn_str", "tls.handshake.extensions.psk.identity.identity", "tls.handshake.session_ticket", "tls.handshake.random", "tls.handshake.extension.type",
        "tls.handshake.session_ticket_lifetime_hint",
    ];

    /// <summary>Analyses a file.</summary>
    internal static IReadOnlyList<TruthConnection> Of(string file)
    {
        // Hellos in segments that came in another order are to be read, too; bodies of HTTP are of no interest, and their reassembly takes minutes.
        List<string> arguments = ["-n", "-r", file, "-Y", "tcp && !icmp && !icmpv6", "-o", "tcp.reassemble_out_of_order:TRUE", "--disable-protocol", "http", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"];
        foreach (string field in Fields) arguments.AddRange(["-e", field]);
        var connections = new SortedDictionary<int, TruthConnection>();
        foreach (string line in Shell.Try(TimeSpan.FromSeconds(60), "tshark", [.. arguments]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] values = line.Split('\t');
            if (values[0].Length == 0) continue;
            var frame = new TruthFrame(name => values[Array.IndexOf(Fields, name)]);
            int stream = int.Parse(values[0], CultureInfo.InvariantCulture);
            if (!connections.TryGetValue(stream, out TruthConnection? connection)) connections[stream] = connection = new TruthConnection();
            connection.Add(frame);
        }
        return [.. connections.Values];
    }
}

/// <summary>One frame's fields by name.</summary>
internal sealed class TruthFrame(Func<string, string> value)
{
    internal string this[string name] => value(name);

    internal string[] List(string name) => value(name).Split(',', StringSplitOptions.RemoveEmptyEntries);

    internal long? Number(string name)
    {
        string text = value(name).Split(',')[0];
        if (text.Length == 0) return null;
        return text.StartsWith("0x", StringComparison.Ordinal) ? long.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : long.Parse(text, CultureInfo.InvariantCulture);
    }
}

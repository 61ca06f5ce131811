using System.Text.Json;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>Compares the product's JSON with tshark's analysis, field by field.</summary>
internal static class Comparison
{
    /// <summary>Fails with every difference at once.</summary>
    /// <returns>How many fields were compared.</returns>
    internal static int AssertAgree(string file) => AssertAgree(file, OurAnalysis.Of(file));

    /// <summary>The same for an analysis of what tcpdump captured into the file.</summary>
    internal static int AssertAgree(string file, OurAnalysis ours)
    {
        IReadOnlyList<TruthConnection> truth = TsharkTruth.Of(file);
        var differences = new List<string>();
        int compared = 0;
        void Compare(string what, object? expected, object? actual)
        {
            compared++;
            if (!Equals(expected, actual)) differences.Add($"{what}: tshark {expected ?? "nothing"}, here {actual ?? "nothing"}");
        }

        Compare("connections", truth.Count, ours.Connections.Count);
        foreach ((TruthConnection expected, JsonElement actual, int number) in truth.Zip(ours.Connections, Enumerable.Range(0, truth.Count)))
        {
            string client = EndPointOf(actual.GetProperty("client"));
            if (expected.Client is not null) Compare($"{number} client", expected.Client, client);
            foreach ((string endPoint, TruthSide side) in expected.Sides)
            {
                JsonElement ourSide = actual.GetProperty(endPoint == client ? "client" : "server");
                Compare($"{number} end point", endPoint, EndPointOf(ourSide));
                foreach ((string name, object? value) in side.Values) Compare($"{number} {endPoint} {name}", value, ValueOf(ourSide.GetProperty(name)));
            }
            Compare($"{number} state", StateOf(expected), StateClass(actual.GetProperty("state").GetString()!, BothSentFin(expected)));
            JsonElement tls = actual.GetProperty("tls");
            Compare($"{number} has TLS", expected.Tls.Count > 0, tls.ValueKind == JsonValueKind.Object);
            if (tls.ValueKind != JsonValueKind.Object) continue;
            foreach ((string name, object? value) in expected.Tls)
            {
                object? ourValue = name switch
                {
                    "alpnOffered" => string.Join(',', tls.GetProperty(name).EnumerateArray().Select(static item => item.GetString())),
                    _ => ValueOf(tls.GetProperty(name)),
                };
                Compare($"{number} tls {name}", name == "cipher" ? CipherSuites.NameOf((ushort)(long)value!) : value, ourValue);
            }
        }
        Assert.True(differences.Count == 0, $"{file}: {differences.Count} of {compared} fields differ\n{string.Join('\n', differences.Take(40))}");
        return compared;
    }

    // What flags alone tell: reset, both sent a FIN, one did, none did.
    private static string StateOf(TruthConnection connection)
    {
        if (connection.Sides.Values.Any(static side => (side.Flags & 4) != 0)) return "reset";
        int fins = Fins(connection);
        return fins switch { 2 => "closed", 1 => "half-closed", _ => connection.Sides.Values.Any(static side => (side.Flags & 16) != 0) ? "open" : "opening" };
    }

    private static int Fins(TruthConnection connection) => connection.Sides.Values.Count(static side => (side.Flags & 1) != 0);

    private static bool BothSentFin(TruthConnection connection) => Fins(connection) == 2;

    // An end that waits for the other's FIN, or for the acknowledgement of its own, waits for ever where the last segments were lost before the capture.
    private static string StateClass(string state, bool bothSentFin) => state switch
    {
        "FIN-WAIT-1" or "FIN-WAIT-2" when bothSentFin => "closed",
        "CLOSED" => "reset",
        "TIME-WAIT" or "LAST-ACK" or "CLOSING" => "closed",
        "FIN-WAIT-1" or "FIN-WAIT-2" or "CLOSE-WAIT" => "half-closed",
        "ESTABLISHED" or "SYN-RECEIVED" => "open",
        _ => "opening",
    };

    private static string EndPointOf(JsonElement side) => $"{side.GetProperty("address").GetString()} {side.GetProperty("port").GetInt32()}";

    private static object? ValueOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetInt64(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Array => string.Join(' ', value.EnumerateArray().Select(static item => item.GetString())),
        _ => null,
    };
}

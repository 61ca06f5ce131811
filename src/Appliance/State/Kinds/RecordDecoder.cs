using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Appliance.State;

/// <summary>Shows any record as JSON (<c>appliance get KEY --json</c>; fields in docs/state.md). Secrets are not shown: of a TLS session only its length.</summary>
internal static class RecordDecoder
{
    /// <summary>Decodes the record of a key. Loop thread; allocates.</summary>
    /// <returns>A JSON object; null when the key is absent, deleted or expired.</returns>
    internal static string? ToJson(IServiceStore store, ReadOnlySpan<byte> key)
    {
        if (!store.TryRead(key, out StoredValue value)) return null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteBytes(json, "key", key);
            json.WriteString("service", store.Name);
            json.WriteString("class", value.Class.ToString().ToLowerInvariant());
            var version = new RecordVersion(value.Version);
            json.WriteNumber("term", version.Term);
            json.WriteNumber("sequence", version.Sequence);
            WriteTime(json, "expires", value.ExpiryMilliseconds);
            WriteValue(json, store, key, value);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteValue(Utf8JsonWriter json, IServiceStore store, ReadOnlySpan<byte> key, in StoredValue value)
    {
        switch (value.Kind)
        {
            case RecordKind.Hash:
                WriteHash(json, store, key, value.Class);
                break;
            case RecordKind.TlsSession when TlsSessionView.TryParse(value.Bytes, out TlsSessionView session):
                json.WriteString("kind", "tls-session");
                json.WriteString("sessionId", Convert.ToHexStringLower(session.SessionId));
                json.WriteNumber("sessionBytes", session.Session.Length);
                json.WriteString("identity", session.Identity);
                WriteTime(json, "sessionExpires", session.ExpiryMilliseconds);
                break;
            case RecordKind.Authentication when AuthenticationView.TryParse(value.Bytes, out AuthenticationView authentication):
                json.WriteString("kind", "authentication");
                json.WriteString("user", authentication.User);
                json.WriteString("method", authentication.Method.ToString().ToLowerInvariant());
                WriteTime(json, "verifiedAt", authentication.VerifiedAtMilliseconds);
                WriteTime(json, "authenticationExpires", authentication.ExpiresMilliseconds);
                break;
            case RecordKind.TicketKeys when TicketKeysView.TryParse(value.Bytes, out TicketKeysView keys):
                json.WriteString("kind", "ticket-keys");
                json.WriteStartArray("epochs");
                for (int i = 0; i < keys.Count; i++)
                {
                    json.WriteStartObject();
                    json.WriteNumber("epoch", keys.Epoch(i));
                    WriteTime(json, "created", keys.CreatedMilliseconds(i));
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                break;
            case RecordKind.TlsSession or RecordKind.TicketKeys:
                json.WriteString("kind", "unknown"); // a layout of a later version: secrets may be anywhere in it
                break;
            case RecordKind.Segment when SegmentView.TryParse(value.Bytes, out SegmentView segment):
                json.WriteString("kind", "segment");
                json.WriteString("client", segment.Client.ToString());
                json.WriteString("server", segment.Server.ToString());
                WriteDirection(json, "clientToServer", segment.ClientToServer);
                WriteDirection(json, "serverToClient", segment.ServerToClient);
                break;
            case RecordKind.Bytes:
                json.WriteString("kind", "string");
                WriteBytes(json, "value", value.Bytes);
                break;
            default:
                json.WriteString("kind", "unknown");
                json.WriteNumber("kindNumber", (byte)value.Kind);
                json.WriteBase64String("valueBase64", value.Bytes);
                break;
        }
    }

    private static void WriteHash(Utf8JsonWriter json, IServiceStore store, ReadOnlySpan<byte> key, RecordClass recordClass)
    {
        var fields = new FieldCollector();
        store.VisitFields(key, ref fields);
        bool isPurchase = fields.Purchase.IsRecognised && (recordClass == RecordClass.Purchase || fields.Purchase.Items.Count > 0);
        if (!isPurchase)
        {
            json.WriteString("kind", "hash");
            json.WriteStartObject("fields");
            foreach ((byte[] name, byte[] value) in fields.Fields) WriteBytes(json, Text(name), value);
            json.WriteEndObject();
            return;
        }
        json.WriteString("kind", "purchase");
        json.WriteStartArray("items");
        foreach (Purchase.Item item in fields.Purchase.Items)
        {
            json.WriteStartObject();
            json.WriteString("sku", item.Sku);
            json.WriteNumber("quantity", item.Quantity);
            if (item.UnitPrice is { } price) json.WriteNumber("unitPrice", price);
            if (item.Currency is { } currency) json.WriteString("currency", currency);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WritePairs(json, "transaction", fields.Purchase.Transaction);
        WritePairs(json, "billing", fields.Purchase.Billing);
        WritePairs(json, "other", fields.Purchase.Other);
    }

    private static void WriteDirection(Utf8JsonWriter json, string name, in SegmentDirection direction)
    {
        json.WriteStartObject(name);
        json.WriteNumber("sequence", direction.Sequence);
        json.WriteNumber("acknowledgement", direction.Acknowledgement);
        json.WriteNumber("window", direction.Window);
        json.WriteNumber("scale", direction.Scale);
        json.WriteNumber("mss", direction.MaximumSegment);
        json.WriteBoolean("sack", direction.SackPermitted);
        json.WriteBoolean("finished", direction.Finished);
        if (direction.Timestamps)
        {
            json.WriteNumber("timestamp", direction.TimestampValue);
            json.WriteNumber("timestampEcho", direction.TimestampEcho);
        }
        json.WriteEndObject();
    }

    private static void WritePairs(Utf8JsonWriter json, string name, List<KeyValuePair<string, string>> pairs)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in pairs) json.WriteString(key, value);
        json.WriteEndObject();
    }

    // Text where it is text; a name ending in Base64 says that it is not.
    private static void WriteBytes(Utf8JsonWriter json, string name, ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes)) json.WriteString(name, bytes);
        else json.WriteBase64String(name + "Base64", bytes);
    }

    private static string Text(byte[] name) => Utf8.IsValid(name) ? Encoding.UTF8.GetString(name) : "0x" + Convert.ToHexStringLower(name);

    private static void WriteTime(Utf8JsonWriter json, string name, long milliseconds)
    {
        const long year9999 = 253_402_300_799_999;
        if (milliseconds == 0) json.WriteNull(name);
        else json.WriteString(name, DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, 0, year9999)).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
    }

    private readonly struct FieldCollector() : IStoreVisitor
    {
        internal readonly Purchase Purchase = new();
        internal readonly List<(byte[] Name, byte[] Value)> Fields = [];

        public void Visit(ReadOnlySpan<byte> name, in StoredValue value)
        {
            Purchase.Add(name, value.Bytes);
            Fields.Add((name.ToArray(), value.Bytes.ToArray()));
        }
    }
}

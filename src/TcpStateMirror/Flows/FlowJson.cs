using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>Writes a connection as one line of JSON. The fields are documented in docs/capture.md. Not thread-safe.</summary>
public sealed class FlowJson : IDisposable
{
    private static readonly (TcpFlags Flag, string Name)[] FlagNames =
        [(TcpFlags.Syn, "SYN"), (TcpFlags.Ack, "ACK"), (TcpFlags.Psh, "PSH"), (TcpFlags.Fin, "FIN"), (TcpFlags.Rst, "RST"), (TcpFlags.Urg, "URG"), (TcpFlags.Ece, "ECE"), (TcpFlags.Cwr, "CWR"), (TcpFlags.Ae, "AE")];

    private readonly ArrayBufferWriter<byte> _line = new(2048);
    private readonly Utf8JsonWriter _json;

    /// <summary>A writer with its own memory.</summary>
    public FlowJson() => _json = new Utf8JsonWriter(_line, new JsonWriterOptions { SkipValidation = true });

    /// <summary>Writes a connection.</summary>
    /// <returns>UTF-8 with a line feed at the end; valid until the next call.</returns>
    public ReadOnlySpan<byte> Write(Flow flow, FlowEnd end)
    {
        _line.ResetWrittenCount();
        _json.Reset(_line);
        _json.WriteStartObject();
        _json.WriteNumber("connection", flow.Number);
        WriteTime("start", flow.Start);
        WriteTime("end", flow.Last);
        _json.WriteNumber("durationSeconds", (flow.Last - flow.Start) / 1e9);
        _json.WriteString("state", TcpStateNames.NameOf(flow.State));
        _json.WriteString("ended", NameOf(end));
        _json.WriteBoolean("midstream", flow.Midstream);
        bool scaled = flow.Client.WindowScale is not null && flow.Server.WindowScale is not null;
        WriteSide("client", flow.Client, scaled);
        WriteSide("server", flow.Server, scaled);
        if (flow.Tls is { } tls) WriteTls(tls);
        else _json.WriteNull("tls");
        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        return _line.WrittenSpan;
    }

    /// <summary>A cause as JSON and messages write it.</summary>
    public static string NameOf(FlowEnd end) => end switch
    {
        FlowEnd.Fin => "fin",
        FlowEnd.Reset => "reset",
        FlowEnd.Idle => "idle",
        FlowEnd.Reused => "reused",
        FlowEnd.Evicted => "evicted",
        _ => "input",
    };

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void WriteSide(string name, FlowSide side, bool scaled)
    {
        _json.WriteStartObject(name);
        Span<char> address = stackalloc char[64];
        side.Address.ToIPAddress().TryFormat(address, out int length);
        _json.WriteString("address", address[..length]);
        _json.WriteNumber("port", side.Port);
        _json.WriteString("state", TcpStateNames.NameOf(side.State));
        _json.WriteNumber("packets", side.Packets);
        _json.WriteNumber("bytes", side.Bytes);
        WriteNumber("firstSequence", side.Packets > 0 ? side.FirstSequence : null);
        WriteNumber("lastSequence", side.Packets > 0 ? side.LastSequence : null);
        WriteNumber("nextSequence", side.Packets > 0 ? side.NextSequence : null);
        WriteNumber("firstAcknowledgement", side.HasAcknowledgement ? side.FirstAcknowledgement : null);
        WriteNumber("lastAcknowledgement", side.HasAcknowledgement ? side.LastAcknowledgement : null);
        WriteNumber("window", side.Packets > 0 ? side.Window : null);
        WriteNumber("windowScale", side.WindowScale);
        // Unless both offered a scale there is none (RFC 7323 section 2.2).
        WriteNumber("windowBytes", side.Packets == 0 ? null : scaled ? (long)side.Window << Math.Min(14, (int)side.WindowScale!.Value) : side.Window);
        WriteNumber("mss", side.SegmentSize);
        _json.WriteBoolean("sackPermitted", side.PermitsSack);
        _json.WriteNumber("sackSegments", side.SackSegments);
        _json.WriteBoolean("timestamps", side.HasTimestamps);
        WriteNumber("firstTimestamp", side.HasTimestamps ? side.FirstTimestamp : null);
        WriteNumber("lastTimestamp", side.HasTimestamps ? side.LastTimestamp : null);
        WriteNumber("lastTimestampEcho", side.HasTimestamps ? side.LastTimestampEcho : null);
        _json.WriteNumber("retransmissions", side.Retransmissions);
        _json.WriteNumber("outOfOrder", side.OutOfOrder);
        _json.WriteStartArray("flags");
        foreach ((TcpFlags flag, string flagName) in FlagNames)
        {
            if ((side.Flags & flag) != 0) _json.WriteStringValue(flagName);
        }
        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteTls(TlsFacts tls)
    {
        _json.WriteStartObject("tls");
        WriteName("version", tls.VersionName);
        WriteName("offeredVersion", tls.OfferedVersionName);
        WriteName("cipher", tls.CipherName);
        WriteText("serverName", tls.ServerName);
        WriteText("alpn", tls.Protocol);
        _json.WriteStartArray("alpnOffered");
        for (ReadOnlySpan<byte> rest = tls.OfferedProtocols; rest.Length > 1 && rest[0] < rest.Length; rest = rest[(1 + rest[0])..]) WriteValue(rest.Slice(1, rest[0]));
        _json.WriteEndArray();
        WriteHex("clientSessionId", tls.HasClientHello, tls.ClientSessionId);
        WriteHex("serverSessionId", tls.HasServerHello, tls.ServerSessionId);
        if (tls.Resumed is { } resumed) _json.WriteBoolean("resumed", resumed);
        else _json.WriteNull("resumed");
        _json.WriteBoolean("helloRetried", tls.WasRetried);
        WriteHex("pskIdentity", !tls.PskIdentity.IsEmpty, tls.PskIdentity);
        WriteHex("ticketOffered", !tls.OfferedTicket.IsEmpty, tls.OfferedTicket);
        WriteHex("ticketIssued", !tls.NewTicket.IsEmpty, tls.NewTicket);
        WriteNumber("ticketLifetimeSeconds", tls.NewTicket.IsEmpty ? null : tls.NewTicketLifetimeSeconds);
        _json.WriteEndObject();
    }

    private void WriteTime(string name, long nanoseconds)
    {
        long seconds = Math.DivRem(nanoseconds, 1_000_000_000, out long fraction);
        if (fraction < 0) (seconds, fraction) = (seconds - 1, fraction + 1_000_000_000);
        const long last = 253402300799; // the end of the year 9999
        DateTime time = DateTime.UnixEpoch.AddSeconds(Math.Clamp(seconds, -62135596800, last));
        Span<char> text = stackalloc char[32];
        text.TryWrite(CultureInfo.InvariantCulture, $"{time:yyyy-MM-ddTHH:mm:ss}.{fraction:d9}Z", out int length);
        _json.WriteString(name, text[..length]);
    }

    private void WriteNumber(string name, long? value)
    {
        if (value is { } number) _json.WriteNumber(name, number);
        else _json.WriteNull(name);
    }

    private void WriteName(string name, string value)
    {
        if (value.Length == 0) _json.WriteNull(name);
        else _json.WriteString(name, value);
    }

    private void WriteText(string name, ReadOnlySpan<byte> bytes)
    {
        _json.WritePropertyName(name);
        if (bytes.IsEmpty) _json.WriteNullValue();
        else WriteValue(bytes);
    }

    // Names come from the network: what is no UTF-8 is replaced, and JSON escapes the rest.
    private void WriteValue(ReadOnlySpan<byte> bytes)
    {
        Span<char> text = stackalloc char[256];
        Encoding.UTF8.TryGetChars(bytes[..Math.Min(bytes.Length, text.Length)], text, out int length);
        _json.WriteStringValue(text[..length]);
    }

    private void WriteHex(string name, bool there, ReadOnlySpan<byte> bytes)
    {
        if (!there)
        {
            _json.WriteNull(name);
            return;
        }
        char[] text = ArrayPool<char>.Shared.Rent(bytes.Length * 2 + 1);
        Convert.TryToHexStringLower(bytes, text, out int length);
        _json.WriteString(name, text.AsSpan(0, length));
        ArrayPool<char>.Shared.Return(text);
    }
}

using System.Text.Json;
using Appliance.TcpStateMirror.Packets;
using Appliance.Tests.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Flows;

/// <summary>Hellos however the network cuts them.</summary>
public sealed class Hellos_in_the_stream
{
    private const TcpFlags Data = TcpFlags.Ack | TcpFlags.Psh;
    private const string Whole = "TLS 1.3|TLS_AES_128_GCM_SHA256|shop.example|h2 http/1.1|01020304|01020304|False|616e206964656e74697479|61207469636b6574";

    private static string Facts(JsonElement line)
    {
        JsonElement tls = line.GetProperty("tls");
        if (tls.ValueKind == JsonValueKind.Null) return "none";
        string offered = string.Join(' ', tls.GetProperty("alpnOffered").EnumerateArray());
        return string.Join('|', tls.Text("version"), tls.Text("cipher"), tls.Text("serverName"), offered, tls.Text("clientSessionId"), tls.Text("serverSessionId"), tls.Text("resumed"), tls.Text("pskIdentity"), tls.Text("ticketOffered"));
    }

    private static Conversation Client(Conversation conversation, int at, ReadOnlySpan<byte> bytes) => conversation.Send(true, Data, Conversation.ClientStart + 1 + (uint)at, Conversation.ServerStart + 1, bytes);

    private static Conversation Server(Conversation conversation, int at, ReadOnlySpan<byte> bytes) => conversation.Send(false, Data, Conversation.ServerStart + 1 + (uint)at, Conversation.ClientStart + 1, bytes);

    [Theory, InlineData(false), InlineData(true)] // C-40
    public void Every_split_in_either_order_tells_the_same(bool sixth)
    {
        byte[] client = Frames.ClientHello(), server = Frames.ServerHello(tls13: true);
        for (int cut = 1; cut < client.Length; cut++)
        {
            var inOrder = new Conversation(sixth: sixth).Handshake();
            Client(Client(inOrder, 0, client.AsSpan(0, cut)), cut, client.AsSpan(cut));
            Assert.Equal(Whole, Facts(Server(inOrder, 0, server).Only()));

            var reversed = new Conversation(sixth: sixth).Handshake();
            Client(Client(reversed, cut, client.AsSpan(cut)), 0, client.AsSpan(0, cut));
            Assert.Equal(Whole, Facts(Server(reversed, 0, server).Only()));
        }
    }

    [Fact] // C-40
    public void Byte_by_byte_backwards_repeated_and_overlapping()
    {
        byte[] client = Frames.ClientHello(), server = Frames.ServerHello(tls13: true);
        var bytewise = new Conversation().Handshake();
        for (int i = 0; i < client.Length; i++) Client(bytewise, i, client.AsSpan(i, 1));
        Assert.Equal(Whole, Facts(Server(bytewise, 0, server).Only()));

        var backwards = new Conversation().Handshake();
        for (int at = client.Length - client.Length % 20; at >= 0; at -= 20) Client(backwards, at, client.AsSpan(at, Math.Min(20, client.Length - at)));
        Assert.Equal(Whole, Facts(Server(backwards, 0, server).Only()));

        var overlapping = new Conversation().Handshake();
        for (int at = 0; at < client.Length; at += 10) Client(overlapping, at, client.AsSpan(at, Math.Min(35, client.Length - at)));
        Assert.Equal(Whole, Facts(Server(overlapping, 0, server).Only()));
    }

    [Fact] // C-40
    public void A_ticket_of_TLS_1_2_and_what_tells_a_new_session_from_a_resumed_one()
    {
        byte[] hello = Frames.ServerHello(tls13: false), certificate = Frames.Record(11, new byte[300]), ticket = Frames.NewSessionTicket(), change = [20, 3, 3, 0, 1, 1];
        JsonElement made = Server(Client(new Conversation().Handshake(), 0, Frames.ClientHello()), 0, [.. hello, .. certificate, .. ticket, .. change]).Only();
        Assert.Equal(["False", "TLS 1.2", "h2", "746865207469636b6574", "300"], new[] { "resumed", "version", "alpn", "ticketIssued", "ticketLifetimeSeconds" }.Select(name => made.Text($"tls.{name}")));
        Assert.Equal("True", Server(Client(new Conversation().Handshake(), 0, Frames.ClientHello()), 0, [.. hello, .. change]).Only().Text("tls.resumed"));
        Assert.Equal("", Server(Client(new Conversation().Handshake(), 0, Frames.ClientHello()), 0, hello).Only().Text("tls.resumed"));
    }

    [Fact] // C-41
    public void Other_protocols_and_lost_beginnings_are_no_TLS()
    {
        Assert.Equal("none", Facts(Client(new Conversation().Handshake(), 0, "GET / HTTP/1.1\r\n"u8).Only()));
        Assert.Equal("none", Facts(Client(new Conversation().Handshake(), 0, [22, 9, 9, 0, 1, 1]).Only()));
        Assert.Equal("none", Facts(Client(new Conversation().Handshake(), 100_000, Frames.ClientHello()).Only()));
    }
}

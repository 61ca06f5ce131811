using System.Text.Json;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Flows;

/// <summary>States by RFC 9293, told from the segments between the ends.</summary>
public sealed class States_of_both_ends
{
    private const TcpFlags Ack = TcpFlags.Ack, Syn = TcpFlags.Syn, Fin = TcpFlags.Fin | TcpFlags.Ack;

    private static string Of(Conversation conversation)
    {
        JsonElement line = conversation.Only();
        return $"{line.Text("client.state")} {line.Text("server.state")} {line.Text("state")}";
    }

    [Fact] // C-30, C-31
    public void Opening()
    {
        Assert.Equal("SYN-SENT LISTEN SYN-SENT", Of(new Conversation().C(Syn)));
        Assert.Equal("SYN-SENT SYN-RECEIVED SYN-SENT", Of(new Conversation().C(Syn).S(Syn | Ack, 0, 1)));
        Assert.Equal("ESTABLISHED ESTABLISHED ESTABLISHED", Of(new Conversation().Handshake()));
        Assert.Equal("SYN-RECEIVED SYN-RECEIVED SYN-RECEIVED", Of(new Conversation().C(Syn).S(Syn)));
        Assert.Equal("ESTABLISHED ESTABLISHED ESTABLISHED", Of(new Conversation().C(Syn).S(Syn).C(Syn | Ack, 0, 1).S(Syn | Ack, 0, 1).C(Ack, 1, 1).S(Ack, 1, 1)));
    }

    [Fact] // C-31, C-32
    public void Closing_one_after_the_other()
    {
        Assert.Equal("FIN-WAIT-1 ESTABLISHED FIN-WAIT-1", Of(new Conversation().Handshake().C(Fin, 1, 1)));
        Assert.Equal("FIN-WAIT-2 CLOSE-WAIT FIN-WAIT-2", Of(new Conversation().Handshake().C(Fin, 1, 1).S(Ack, 1, 2)));
        Assert.Equal("FIN-WAIT-2 LAST-ACK FIN-WAIT-2", Of(new Conversation().Handshake().C(Fin, 1, 1).S(Fin, 1, 2)));
        Assert.Equal("TIME-WAIT CLOSED TIME-WAIT", Of(new Conversation().Handshake().C(Fin, 1, 1).S(Fin, 1, 2).C(Ack, 2, 2)));
        Assert.Equal("CLOSED TIME-WAIT TIME-WAIT", Of(new Conversation().Handshake().S(Fin, 1, 1).C(Fin, 1, 2).S(Ack, 2, 2)));
    }

    [Fact] // C-31, C-32
    public void Closing_at_the_same_time()
    {
        Assert.Equal("FIN-WAIT-1 FIN-WAIT-1 FIN-WAIT-1", Of(new Conversation().Handshake().C(Fin, 1, 1).S(Fin, 1, 1)));
        Assert.Equal("TIME-WAIT TIME-WAIT TIME-WAIT", Of(new Conversation().Handshake().C(Fin, 1, 1).S(Fin, 1, 1).C(Ack, 2, 2).S(Ack, 2, 2)));
    }

    [Fact] // C-33
    public void A_capture_that_begins_in_the_middle() =>
        Assert.Equal("ESTABLISHED ESTABLISHED ESTABLISHED", Of(new Conversation().C(Ack, 50, 60, length: 5)));

    [Fact] // C-34
    public void A_reset_closes_both()
    {
        Assert.Equal("CLOSED CLOSED CLOSED", Of(new Conversation().Handshake().S(TcpFlags.Rst, 1).C(Ack, 1, 1, length: 5)));
        Assert.Equal("reset", new Conversation().C(Syn).S(TcpFlags.Rst | Ack, 0, 1).Only().Text("ended"));
    }
}

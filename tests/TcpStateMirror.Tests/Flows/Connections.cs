using Appliance.TcpStateMirror.Flows;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Flows;

/// <summary>Where connections begin, how many are followed, when they end.</summary>
public sealed class Connections
{
    private const TcpFlags Ack = TcpFlags.Ack, Syn = TcpFlags.Syn, Fin = TcpFlags.Fin;

    [Fact] // C-10
    public void Another_initial_number_begins_another_connection_and_the_same_one_does_not()
    {
        var told = new Conversation().Handshake().C(Syn).C(Syn, 5000).S(Syn | Ack, 7, 5001).All();

        Assert.Equal(2, told.Count);
        Assert.Equal("reused", told[0].Text("ended"));
        Assert.Equal("3", told[0].Text("client.packets"));
    }

    [Fact] // C-11
    public void The_sender_of_the_SYN_is_the_client_and_without_one_the_higher_port_is()
    {
        Assert.Equal("40000", new Conversation().S(Syn | Ack, 0, 1).Only().Text("client.port"));
        var midstream = new Conversation().S(Ack, 5, 1, length: 10).Only();
        Assert.Equal("40000", midstream.Text("client.port"));
        Assert.Equal("True", midstream.Text("midstream"));
    }

    [Fact] // C-12
    public void A_full_table_lets_go_of_closed_ones_first_and_of_open_ones_last()
    {
        var conversation = new Conversation(new FlowTableOptions { Capacity = 3 });
        conversation.Handshake(); // open
        conversation.C(Syn, port: 40001).S(Syn | Ack, 0, 1, port: 40001).C(Ack, 1, 1, port: 40001).C(TcpFlags.Rst, 1, port: 40001); // closed
        conversation.C(Syn, port: 40002); // opening

        conversation.C(Syn, port: 40003).C(Syn, port: 40004);

        Assert.Equal(3, conversation.Held);
        Assert.Equal(2, conversation.Counters.Evictions);
        Assert.Equal(["40001", "40002"], conversation.Told.Select(static line => line.Text("client.port")));
        Assert.Equal(["reset", "evicted"], conversation.Told.Select(static line => line.Text("ended")));
    }

    [Fact] // C-13
    public void Each_state_has_its_patience()
    {
        var conversation = new Conversation();
        conversation.Handshake();
        conversation.C(Syn, port: 40001);
        conversation.C(Syn, port: 40002).S(Syn | Ack, 0, 1, port: 40002).C(Ack | Fin, 1, 1, port: 40002).S(Ack | Fin, 1, 2, port: 40002).C(Ack, 2, 2, port: 40002);

        Assert.Empty(conversation.After(239_000).Expire().Told);
        Assert.Equal(["40002", "40001"], conversation.After(2000).Expire().Told.Select(static line => line.Text("client.port")));
        Assert.Equal(["fin", "idle"], conversation.Told.Select(static line => line.Text("ended")));
        Assert.Equal(2, conversation.After(1000 * 60 * 119).Expire().Told.Count);
        Assert.Equal(3, conversation.After(1000 * 60 * 2).Expire().Told.Count);
    }

    [Fact] // C-13
    public void What_is_used_stays()
    {
        var conversation = new Conversation().Handshake();
        for (int i = 0; i < 10; i++) conversation.After(1000 * 60 * 60).C(Ack, 1, 1).Expire();
        Assert.Empty(conversation.Told);
    }
}

using System.Text.Json;
using Appliance.TcpStateMirror.Packets;

namespace Appliance.Tests.TcpStateMirror.Flows;

/// <summary>What counts as repeated, what as late.</summary>
public sealed class Repeated_and_late_segments
{
    private const TcpFlags Ack = TcpFlags.Ack, Syn = TcpFlags.Syn;

    private static (string Again, string Late) Judged(JsonElement line, string side = "client") => (line.Text($"{side}.retransmissions"), line.Text($"{side}.outOfOrder"));

    [Fact] // C-20
    public void A_window_probe_does_not_count_and_what_follows_it_neither() =>
        Assert.Equal(("0", "0"), Judged(new Conversation().Handshake().S(Ack, 1, 1, window: 0).C(Ack, 1, 1, length: 1).S(Ack, 1, 1, window: 0).S(Ack, 1, 1).C(Ack, 1, 1, length: 100).Only()));

    [Fact] // C-21
    public void A_keep_alive_is_neither() =>
        Assert.Equal(("0", "0"), Judged(new Conversation().Handshake().C(Ack, 1, 1, length: 10).S(Ack, 1, 11).C(Ack, 10, 1).C(Ack, 10, 1, length: 1).Only()));

    [Fact] // C-22, C-24
    public void What_two_duplicate_acknowledgements_asked_for_was_repeated_even_when_it_comes_soon()
    {
        var asked = new Conversation().Handshake().C(Ack, 1, 1, length: 10).S(Ack, 1, 11).C(Ack, 21, 1, length: 10).C(Ack, 31, 1, length: 10).S(Ack, 1, 11).S(Ack, 1, 11).After(-3.5).C(Ack, 11, 1, length: 10);
        Assert.Equal(("1", "0"), Judged(asked.Only()));
    }

    [Fact] // C-23
    public void What_was_acknowledged_before_was_repeated() =>
        Assert.Equal(("1", "0"), Judged(new Conversation().Handshake().C(Ack, 1, 1, length: 10).S(Ack, 1, 11).C(Ack, 1, 1, length: 10).Only()));

    [Fact] // C-25
    public void What_comes_within_the_round_trip_was_overtaken() =>
        Assert.Equal(("0", "1"), Judged(new Conversation().Handshake().C(Ack, 11, 1, length: 10).C(Ack, 1, 1, length: 10).Only()));

    [Fact] // C-26
    public void What_comes_later_was_repeated_and_so_was_a_second_SYN()
    {
        Assert.Equal(("1", "0"), Judged(new Conversation().Handshake().C(Ack, 11, 1, length: 10).After(10).C(Ack, 1, 1, length: 10).Only()));
        Assert.Equal(("1", "0"), Judged(new Conversation().C(Syn).After(1000).C(Syn).Only()));
    }

    [Fact] // C-26
    public void Numbers_that_wrap_are_nothing_special() =>
        Assert.Equal(("1", "0"), Judged(new Conversation().Handshake().S(Ack, 1, 1, length: 100).C(Ack, 1, 101).S(Ack, 101, 1, length: 100).After(50).S(Ack, 101, 1, length: 100).Only(), "server"));
}

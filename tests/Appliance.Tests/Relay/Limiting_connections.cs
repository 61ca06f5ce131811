using Appliance.Listeners.Relay;

namespace Appliance.Tests.Relay;

public sealed class Limiting_connections
{
    [Fact]
    public void Resets_a_client_beyond_the_most_of_all()
    {
        using var relay = new RelayFixture(static options => options with { MaxClients = 1 });
        using Peer first = relay.Connect(), server = relay.Accept();

        using Peer second = relay.Connect();

        second.ExpectReset();
        relay.AwaitEnded(RelayEnd.TooManyClients);
    }

    [Fact]
    public void Resets_a_client_beyond_the_most_of_its_source_until_another_has_ended()
    {
        using var relay = new RelayFixture(static options => options with { MaxPerSource = 1 });
        using (Peer first = relay.Connect(), server = relay.Accept())
        {
            using Peer second = relay.Connect();
            second.ExpectReset();
            relay.AwaitEnded(RelayEnd.TooManyOfSource);
        }
        relay.Await(() => relay.Listener.Connections.Count == 0, "the first connection has not ended");

        using Peer third = relay.Connect(), again = relay.Accept();
        third.Send("x"u8);
        again.Expect("x"u8);
    }

    [Fact]
    public void Ends_a_connection_in_which_nothing_moves()
    {
        using var relay = new RelayFixture(static options => options with { IdleTimeout = TimeSpan.FromMilliseconds(60) });
        using Peer client = relay.Connect(), server = relay.Accept();

        client.ExpectReset();
        server.ExpectReset();

        relay.AwaitEnded(RelayEnd.IdleTimeout);
    }

    [Fact]
    public void Ends_a_half_closed_connection_in_which_nothing_moves()
    {
        using var relay = new RelayFixture(static options => options with { HalfClosedTimeout = TimeSpan.FromMilliseconds(60) });
        using Peer client = relay.Connect(), server = relay.Accept();

        client.EndSending();
        server.ExpectEnd();

        client.ExpectReset();
        relay.AwaitEnded(RelayEnd.HalfClosedTimeout);
    }
}

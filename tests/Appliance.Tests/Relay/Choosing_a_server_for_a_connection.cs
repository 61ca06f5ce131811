using System.Net;
using System.Net.Sockets;
using Appliance.Configuration;
using Appliance.Listeners.Relay;

namespace Appliance.Tests.Relay;

public sealed class Choosing_a_server_for_a_connection
{
    [Fact]
    public void Tries_another_server_when_a_connect_is_refused()
    {
        using var relay = new RelayFixture(servers: 2);
        relay.Servers[0].Dispose(); // its port refuses now
        using Peer client = relay.Connect(), server = relay.Accept(1);

        client.Send("here"u8);

        server.Expect("here"u8);
        Assert.Equal(1, relay.OnLoop(() => relay.Pool.Servers[0].ConnectFailures));
        Assert.Equal(1, relay.OnLoop(() => relay.Listener.Counters.Retries));
    }

    [Fact]
    public void Tries_another_server_when_one_does_not_answer()
    {
        using Socket deaf = RelayFixture.Listening(IPAddress.Loopback, backlog: 0);
        using var relay = new RelayFixture(
            backend: options => options with { Servers = [new BackendServer((IPEndPoint)deaf.LocalEndPoint!, 1), .. options.Servers], ConnectTimeout = TimeSpan.FromMilliseconds(100) });
        using var queued = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        queued.Connect(deaf.LocalEndPoint!); // its queue is full now: further SYNs are dropped
        using Peer client = relay.Connect(), server = relay.Accept();

        client.Send("here"u8);

        server.Expect("here"u8);
        Assert.Equal(1, relay.OnLoop(() => relay.Pool.Servers[0].ConnectFailures));
    }

    [Fact]
    public void Resets_the_client_when_every_server_refuses()
    {
        using var relay = new RelayFixture(servers: 3);
        foreach (Socket server in relay.Servers) server.Dispose();

        using Peer client = relay.Connect();

        client.ExpectReset();
        relay.AwaitEnded(RelayEnd.NoServer);
        Assert.All(relay.Pool.Servers, static server => Assert.Equal(0, server.Connections));
    }

    [Fact]
    public void Tries_no_more_servers_than_configured()
    {
        using var relay = new RelayFixture(servers: 4, backend: static options => options with { Retries = 1 });
        for (int i = 0; i < 3; i++) relay.Servers[i].Dispose();

        using Peer client = relay.Connect();

        client.ExpectReset();
        Assert.Equal(2, relay.OnLoop(() => relay.Pool.Servers.Sum(static server => server.ConnectFailures)));
    }

    [Fact]
    public void Refuses_a_client_while_all_servers_have_their_most_connections()
    {
        using var relay = new RelayFixture(backend: static options => options with { MaxConnections = 1 });
        using (Peer first = relay.Connect(), server = relay.Accept())
        {
            using Peer second = relay.Connect();
            second.ExpectReset();
            relay.AwaitEnded(RelayEnd.NoServer);
        }
        relay.AwaitEnded(RelayEnd.ClientReset, 0);
        relay.Await(() => relay.Pool.Servers[0].Connections == 0, "the first connection has not ended");

        using Peer third = relay.Connect(), again = relay.Accept();
        third.Send("free again"u8);
        again.Expect("free again"u8);
    }

    [Fact]
    public void Gives_a_draining_server_no_new_connections_and_leaves_it_those_it_has()
    {
        using var relay = new RelayFixture(servers: 2);
        using Peer before = relay.Connect(), kept = relay.Accept(0);

        relay.OnLoop(() => relay.Pool.Servers[0].IsDraining = true);

        for (int i = 0; i < 4; i++)
        {
            using Peer client = relay.Connect(), server = relay.Accept(1);
            client.Send("x"u8);
            server.Expect("x"u8);
        }
        before.Send("in flight"u8);
        kept.Expect("in flight"u8);
    }
}

using System.Net;
using System.Text;
using Appliance.Configuration;
using Appliance.Listeners.Relay;

namespace Appliance.Tests.Relay;

public sealed class Telling_who_the_client_is
{
    private static readonly byte[] Header = Encoding.ASCII.GetBytes("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");

    [Fact]
    public void Sends_version_1_before_the_clients_bytes()
    {
        using var relay = new RelayFixture(backend: static options => options with { SendProxy = SendProxy.V1 });
        using Peer client = relay.Connect(), server = relay.Accept();
        client.Send("hello"u8);

        server.Expect(Encoding.ASCII.GetBytes($"PROXY TCP4 127.0.0.1 127.0.0.1 {Port(client)} {relay.EndPoint.Port}\r\nhello"));
    }

    [Fact]
    public void Sends_version_2_also_to_a_server_that_speaks_first()
    {
        using var relay = new RelayFixture(backend: static options => options with { SendProxy = SendProxy.V2 }, address: IPAddress.IPv6Loopback);
        using Peer client = relay.Connect(), server = relay.Accept();

        byte[] received = server.Receive(52);

        Assert.Equal(ProxyHeaderResult.Complete, ProxyHeader.TryParse(received, out ProxyHeader header));
        Assert.Equal((IPEndPoint)client.Socket.LocalEndPoint!, header.Source.ToEndPoint());
        Assert.Equal(relay.EndPoint, header.Destination.ToEndPoint());
    }

    [Fact]
    public void Believes_a_trusted_source_and_passes_the_name_on()
    {
        using RelayFixture relay = Trusting("127.0.0.0/8", SendProxy.V1);
        using Peer client = relay.Connect();
        client.Send([.. Header, .. "hello"u8]);

        using Peer server = relay.Accept();

        server.Expect([.. Header, .. "hello"u8]);
    }

    [Fact]
    public void Waits_for_a_header_that_comes_byte_by_byte()
    {
        using RelayFixture relay = Trusting("127.0.0.1/32", SendProxy.No);
        using Peer client = relay.Connect();
        foreach (byte each in Header) client.Send([each]);
        client.Send("hello"u8);

        using Peer server = relay.Accept();

        server.Expect("hello"u8);
        client.EndSending();
        server.ExpectEnd();
        server.EndSending();
        relay.AwaitEnded(RelayEnd.ClientClosed);
        Assert.Equal(5, relay.Listener.Counters.BytesFromClients); // the header is not the client's
    }

    [Fact]
    public void Closes_a_source_that_is_not_trusted()
    {
        using RelayFixture relay = Trusting("192.0.2.0/24", SendProxy.No);
        using Peer client = relay.Connect();

        client.ExpectReset();

        relay.AwaitEnded(RelayEnd.ProxyUntrusted);
        Assert.False(relay.Servers[0].Poll(0, System.Net.Sockets.SelectMode.SelectRead));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n"), InlineData("PROXY TCP4 nonsense\r\n")]
    public void Closes_a_trusted_source_without_a_proper_header(string text)
    {
        using RelayFixture relay = Trusting("127.0.0.0/8", SendProxy.No);
        using Peer client = relay.Connect();
        client.Send(Encoding.ASCII.GetBytes(text));

        client.ExpectReset();

        relay.AwaitEnded(RelayEnd.ProxyHeaderBad);
    }

    [Fact]
    public void Closes_a_trusted_source_that_ends_within_its_header()
    {
        using RelayFixture relay = Trusting("127.0.0.0/8", SendProxy.No);
        using Peer client = relay.Connect();
        client.Send(Header.AsSpan(0, 10));
        client.EndSending();

        relay.AwaitEnded(RelayEnd.ProxyHeaderBad);
    }

    [Fact]
    public void Closes_a_trusted_source_whose_header_does_not_come()
    {
        using RelayFixture relay = Trusting("127.0.0.0/8", SendProxy.No, TimeSpan.FromMilliseconds(60));
        using Peer client = relay.Connect();
        client.Send(Header.AsSpan(0, 10));

        client.ExpectReset();

        relay.AwaitEnded(RelayEnd.ProxyTimeout);
    }

    [Fact]
    public void Counts_the_clients_of_a_trusted_source_one_by_one()
    {
        using var relay = new RelayFixture(static options => options with { TrustProxy = [IPNetwork.Parse("127.0.0.0/8")], MaxPerSource = 1 });
        using Peer first = relay.Connect(), second = relay.Connect(), third = relay.Connect();

        first.Send(Header);
        using Peer one = relay.Accept();
        second.Send(Header);
        second.ExpectReset();
        third.Send("PROXY TCP4 192.0.2.2 198.51.100.2 1 443\r\n"u8);
        using Peer other = relay.Accept();

        Assert.Equal(1, relay.OnLoop(() => relay.Listener.Counters.Ended(RelayEnd.TooManyOfSource)));
    }

    private static RelayFixture Trusting(string network, SendProxy send, TimeSpan? timeout = null) => new(
        options => options with { TrustProxy = [IPNetwork.Parse(network)], ProxyTimeout = timeout ?? TimeSpan.FromSeconds(10) },
        options => options with { SendProxy = send });

    private static int Port(Peer peer) => ((IPEndPoint)peer.Socket.LocalEndPoint!).Port;
}

using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Tests.Relay;

namespace Appliance.Tests.Tls;

/// <summary>What the client has chosen by ALPN reaches servers that are spoken to by TLS (RFC 7301).</summary>
public sealed class Choosing_a_protocol_for_servers
{
    [Theory]
    [InlineData("h2")]
    [InlineData("http/1.1")]
    public async Task Offers_servers_what_the_client_has_chosen(string protocol)
    {
        using TlsFixture fixture = Open();
        using TlsClient tls = TlsClient.Load(false, "", "");
        fixture.Relay.OnLoop(() => fixture.Relay.Pool.Tls = tls);

        await using SslStream client = fixture.Connect(alpn: protocol);
        await using SslStream server = await AcceptAsync(fixture, "h2", "http/1.1");
        await client.WriteAsync("inside"u8.ToArray());
        await server.ReadExactlyAsync(new byte[6]);

        Assert.Equal(protocol, server.NegotiatedApplicationProtocol.ToString());
    }

    [Fact]
    public async Task Gives_up_a_server_that_does_not_speak_h2_for_a_client_that_does()
    {
        using TlsFixture fixture = Open();
        using TlsClient tls = TlsClient.Load(false, "", "");
        fixture.Relay.OnLoop(() => fixture.Relay.Pool.Tls = tls);

        await using SslStream client = fixture.Connect(alpn: "h2");
        Task<SslStream> server = AcceptAsync(fixture);

        fixture.Relay.AwaitEnded(RelayEnd.NoServer);
        _ = await Record.ExceptionAsync(async () => (await server).Dispose()); // it may have been cut off in the middle
    }

    private static TlsFixture Open() => new(static (_, settings) => settings with { Alpn = ["h2", "http/1.1"] }, backend: static options => options with { Retries = 0 });

    private static async Task<SslStream> AcceptAsync(TlsFixture fixture, params string[] protocols)
    {
        Peer peer = fixture.Relay.Accept();
        var server = new SslStream(new System.Net.Sockets.NetworkStream(peer.Socket, ownsSocket: true));
        using X509Certificate2 own = X509Certificate2.CreateFromPemFile(fixture.Certificates.Server("server", rsa: false, "server.test"));
        await server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = own, ApplicationProtocols = protocols.Length == 0 ? null : [.. protocols.Select(static name => new SslApplicationProtocol(name))] });
        return server;
    }
}

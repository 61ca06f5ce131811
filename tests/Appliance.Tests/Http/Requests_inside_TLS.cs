using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;
using Appliance.Listeners.Http;
using Appliance.Listeners.Relay;
using Appliance.Tests.Relay;
using Appliance.Tests.Tls;

namespace Appliance.Tests.Http;

public sealed class Requests_inside_TLS
{
    private const string Added = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n";

    [Fact]
    public void Say_whom_they_are_for()
    {
        using TlsFixture fixture = Open();
        using SslStream client = fixture.Connect();
        using Peer server = fixture.Relay.Accept();

        for (int i = 0; i < 3; i++)
        {
            client.Write("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: me\r\n\r\n"u8);
            server.Expect(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: a\r\n{Added}\r\n"));
            server.Send("HTTP/1.1 204 No Content\r\n\r\n"u8);
            client.ReadExactly(new byte[27]);
        }
        Assert.Equal(3, fixture.OnCounters(static counters => counters.Requests));
    }

    [Fact]
    public async Task Carry_bodies_of_any_length_to_servers_that_wait()
    {
        using TlsFixture fixture = Open();
        using SslStream client = fixture.Connect();
        using Peer server = fixture.Relay.Accept();
        byte[] body = RandomNumberGenerator.GetBytes(12 << 20);
        string head = $"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n";

        Task sending = Task.Run(() =>
        {
            for (int i = 0; i < 2; i++)
            {
                client.Write(Encoding.ASCII.GetBytes(head + "\r\n"));
                client.Write(body);
            }
        });

        for (int i = 0; i < 2; i++)
        {
            server.Expect(Encoding.ASCII.GetBytes($"{head}{Added}\r\n"));
            Assert.Equal(SHA256.HashData(body), SHA256.HashData(server.Receive(body.Length)));
        }
        await sending.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Are_answered_when_they_are_refused()
    {
        using TlsFixture fixture = Open();
        using SslStream client = fixture.Connect();

        client.Write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"u8);

        using var reader = new StreamReader(client);
        Assert.StartsWith("HTTP/1.1 400 Bad Request", reader.ReadToEnd(), StringComparison.Ordinal);
        fixture.Relay.AwaitEnded(RelayEnd.RequestRefused);
    }

    [Fact]
    public void Are_given_up_when_their_heads_do_not_end()
    {
        using TlsFixture fixture = Open(static rules => rules with { RequestTimeout = TimeSpan.FromMilliseconds(200) });
        using SslStream client = fixture.Connect();
        using SslStream quiet = fixture.Connect(); // has begun nothing: no deadline

        client.Write("GET / HTTP/1.1\r\n"u8);

        using var reader = new StreamReader(client);
        Assert.StartsWith("HTTP/1.1 408 Request Timeout", reader.ReadToEnd(), StringComparison.Ordinal);
        fixture.Relay.AwaitEnded(RelayEnd.RequestTimeout);
        Assert.Equal(1, fixture.Relay.OnLoop(() => fixture.Relay.Listener.Connections.Count));
    }

    private static TlsFixture Open(Func<HttpRules, HttpRules>? change = null) =>
        new((_, settings) => settings with { Http = change?.Invoke(new HttpRules { Forwarded = Forwarded.Replace }) ?? new HttpRules { Forwarded = Forwarded.Replace } });
}

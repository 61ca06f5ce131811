using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Tests.Relay;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Tls;

public sealed class Terminating_TLS
{
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Carries_bytes_and_ends_both_ways(SslProtocols version)
    {
        using var fixture = new TlsFixture();
        await using SslStream client = fixture.Connect(versions: version);
        using Peer server = fixture.Relay.Accept();

        await client.WriteAsync("question"u8.ToArray());
        server.Expect("question"u8);
        server.Send("answer"u8);
        server.EndSending();
        var answer = new byte[16];
        int length = await client.ReadAtLeastAsync(answer, 6);

        Assert.Equal("answer"u8.ToArray(), answer[..length]);
        Assert.Equal(0, await client.ReadAsync(answer)); // close_notify
        Assert.Equal(version, client.SslProtocol);
        await client.ShutdownAsync();
        server.ExpectEnd();
        fixture.Relay.AwaitEnded(RelayEnd.ServerClosed);
        Assert.Equal(version == SslProtocols.Tls12 ? (1, 0) : (0, 1), (fixture.Tls.Counters.FullTls12, fixture.Tls.Counters.FullTls13));
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Carries_much_in_both_directions_at_once_past_peers_that_wait(SslProtocols version)
    {
        using var fixture = new TlsFixture();
        await using SslStream client = fixture.Connect(versions: version);
        using Peer server = fixture.Relay.Accept();
        byte[] up = RandomNumberGenerator.GetBytes(24 << 20), down = RandomNumberGenerator.GetBytes(24 << 20);

        Task send = Task.Run(async () => { await client.WriteAsync(up); });
        Task answer = Task.Run(() => server.Send(down));
        fixture.Relay.Await(() => fixture.Relay.Listener.Memory.Pool.LentBytes > 0, "the relay keeps nothing although nobody takes it");
        Task<byte[]> received = Task.Run(() => server.Receive(up.Length));
        var got = new byte[down.Length];
        await client.ReadExactlyAsync(got);
        await Task.WhenAll(send, answer);

        Assert.Equal(SHA256.HashData(up), SHA256.HashData(await received));
        Assert.Equal(SHA256.HashData(down), SHA256.HashData(got));
    }

    [Fact]
    public void Chooses_the_certificate_by_name()
    {
        using var fixture = new TlsFixture(static (certificates, settings) => settings with
        {
            Certificates = [.. settings.Certificates, certificates.Server("other", rsa: true, "other.test", "www.other.test"), certificates.Server("wild", rsa: false, "*.wild.test")],
        });

        foreach (string name in new[] { "shop.test", "OTHER.test", "www.other.test", "a.wild.test" })
        {
            using SslStream client = fixture.Connect(name); // checks the name
            Assert.True(client.IsAuthenticated);
        }
        foreach (string name in new[] { "unknown.test", "wild.test", "a.b.wild.test" }) Assert.Throws<AuthenticationException>(() => fixture.Connect(name).Dispose());
    }

    [Theory]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "1.2.840.113549.1.1.1")]
    [InlineData(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "1.2.840.10045.2.1")]
    public void Offers_an_RSA_and_an_ECDSA_certificate_for_one_name(TlsCipherSuite cipher, string keyAlgorithm)
    {
        using var fixture = new TlsFixture(static (certificates, settings) => settings with { Certificates = [.. settings.Certificates, certificates.Server("rsa", rsa: true, "shop.test")] });
        using var stream = new SslStream(new System.Net.Sockets.NetworkStream(fixture.Relay.Connect().Socket, ownsSocket: true), false, static (_, _, _, _) => true);

        stream.AuthenticateAsClient(new SslClientAuthenticationOptions { TargetHost = "shop.test", EnabledSslProtocols = SslProtocols.Tls12, CipherSuitesPolicy = new CipherSuitesPolicy([cipher]) });

        Assert.Equal(keyAlgorithm, ((X509Certificate2)stream.RemoteCertificate!).GetKeyAlgorithm());
    }

    [Fact]
    public void Answers_ALPN_with_what_it_prefers_and_refuses_who_offers_only_others()
    {
        using var fixture = new TlsFixture(static (_, settings) => settings with { Alpn = ["h2", "http/1.1"] });

        using SslStream both = fixture.Connect(alpn: ["http/1.1", "h2"]);
        using SslStream old = fixture.Connect(alpn: ["http/1.1"]);
        using SslStream silent = fixture.Connect();

        Assert.Equal(("h2", "http/1.1", ""), (both.NegotiatedApplicationProtocol.ToString(), old.NegotiatedApplicationProtocol.ToString(), silent.NegotiatedApplicationProtocol.ToString()));
        Assert.ThrowsAny<Exception>(() => fixture.Connect(alpn: ["spdy/1"]).Dispose());
        fixture.Relay.AwaitEnded(RelayEnd.HandshakeFailed);
    }

    [Fact]
    public void Refuses_a_version_that_it_does_not_accept()
    {
        using var fixture = new TlsFixture(static (_, settings) => settings with { MinVersion = TlsVersion.Tls13 });

        Assert.Throws<AuthenticationException>(() => fixture.Connect(versions: SslProtocols.Tls12).Dispose());

        fixture.Relay.AwaitEnded(RelayEnd.HandshakeFailed);
        Assert.Equal(0, fixture.Tls.Counters.Handshaking);
    }

    [Fact]
    public void Asks_clients_for_certificates_that_are_signed_and_not_revoked()
    {
        using var certificates = new TestCertificates();
        using var fixture = new TlsFixture((own, settings) => settings with { ClientCertificates = ClientCertificates.Required, ClientCa = certificates.AuthorityPath });
        using X509Certificate2 alice = certificates.Client("alice"), stranger = fixture.Certificates.Client("stranger");

        using (SslStream client = fixture.Connect(certificate: alice))
        {
            client.Write("hello"u8);
            using Peer server = fixture.Relay.Accept();
            server.Expect("hello"u8);
        }
        AssertRefused(fixture, null, 1);
        AssertRefused(fixture, stranger, 2);

        TlsContexts revoking = TlsContexts.Load(fixture.Tls.Contexts.Settings with { ClientCrl = certificates.Revoke(alice) });
        fixture.Relay.OnLoop(() => { fixture.Tls.Use(revoking); return true; });
        AssertRefused(fixture, alice, 3);
    }

    [Fact]
    public void Takes_another_certificate_while_connections_go_on()
    {
        using var fixture = new TlsFixture();
        using SslStream before = fixture.Connect();
        using Peer server = fixture.Relay.Accept();
        byte[] first = before.RemoteCertificate!.GetSerialNumber();

        fixture.Certificates.Server("default", rsa: true, "shop.test");
        TlsContexts again = TlsContexts.Load(fixture.Tls.Contexts.Settings);
        fixture.Relay.OnLoop(() => { fixture.Tls.Use(again); return true; });
        using SslStream after = fixture.Connect();
        before.Write("still here"u8);
        server.Expect("still here"u8);

        Assert.NotEqual(first, after.RemoteCertificate!.GetSerialNumber());
    }

    [Fact]
    public async Task Takes_others_again_and_again_under_load_without_one_failed_handshake()
    {
        using var fixture = new TlsFixture();
        using var stop = new CancellationTokenSource();
        Task<int>[] clients = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            int done = 0;
            for (; !stop.IsCancellationRequested; done++) fixture.Connect().Dispose();
            return done;
        }))];

        for (int i = 0; i < 60; i++)
        {
            TlsContexts again = TlsContexts.Load(fixture.Tls.Contexts.Settings);
            fixture.Relay.OnLoop(() => { fixture.Tls.Use(again); return true; });
        }
        await stop.CancelAsync();

        Assert.All(await Task.WhenAll(clients), static done => Assert.NotEqual(0, done)); // one that failed would have thrown
        Assert.Equal(0, fixture.Relay.OnLoop(() => fixture.Relay.Listener.Counters.Ended(RelayEnd.HandshakeFailed)));
    }

    [Fact]
    public void Refuses_and_counts_a_renegotiation()
    {
        using var fixture = new TlsFixture();

        using var client = new OpenSslClient(fixture.Relay.EndPoint, "-tls1_2");
        client.AwaitHandshake();
        client.Type("R");
        client.AwaitEnd();

        Assert.Equal(1, fixture.OnCounters(static counters => counters.Renegotiations));
        fixture.Relay.AwaitEnded(RelayEnd.ClientBroken);
    }

    [Fact]
    public void Says_which_file_cannot_be_used_and_why()
    {
        using var certificates = new TestCertificates();
        string good = certificates.Server("good", rsa: false, "a.test"), other = certificates.Server("other", rsa: false, "b.test");
        TlsSettings settings = new() { Certificates = [good], SessionContext = "x" };

        Assert.Contains("missing.pem", Assert.Throws<InvalidDataException>(() => TlsContexts.Load(settings with { Certificates = [certificates.PathOf("missing")] })).Message, StringComparison.Ordinal);
        File.Copy(other, good + ".key");
        Assert.Contains("good.pem.key cannot be used: key values mismatch", Assert.ThrowsAny<Exception>(() => TlsContexts.Load(settings)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(good + ".key", UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("chmod", Assert.Throws<InvalidDataException>(() => TlsContexts.Load(settings)).Message, StringComparison.Ordinal);
        File.Delete(good + ".key");
        Assert.Contains("ciphers 'NONSENSE'", Assert.ThrowsAny<Exception>(() => TlsContexts.Load(settings with { Ciphers = "NONSENSE" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resets_the_server_when_the_client_ends_without_saying_so()
    {
        using var fixture = new TlsFixture();
        Peer socket = fixture.Relay.Connect();
        var client = new SslStream(new System.Net.Sockets.NetworkStream(socket.Socket, ownsSocket: false), false, static (_, _, _, _) => true);
        client.AuthenticateAsClient("shop.test");
        using Peer server = fixture.Relay.Accept();
        client.Write("part of"u8);
        server.Expect("part of"u8);

        socket.EndSending(); // FIN without close_notify: somebody may have cut the rest off

        server.ExpectReset();
        fixture.Relay.AwaitEnded(RelayEnd.ClientTruncated);
        socket.Dispose();
    }

    [Fact]
    public void Bounds_handshakes_that_nobody_finishes()
    {
        using var fixture = new TlsFixture(static (_, settings) => settings with { HandshakeTimeout = TimeSpan.FromMilliseconds(300), MaxHandshakesPerSource = 3 });

        Peer[] silent = [.. Enumerable.Range(0, 3).Select(_ => fixture.Relay.Connect())];
        fixture.Relay.Await(() => fixture.Tls.Counters.Handshaking == 3, "three handshakes wait");
        using Peer fourth = fixture.Relay.Connect();
        fourth.ExpectReset();
        foreach (Peer peer in silent) peer.ExpectReset();

        fixture.Relay.AwaitEnded(RelayEnd.TooManyHandshakes);
        fixture.Relay.AwaitEnded(RelayEnd.HandshakeTimeout, 3);
        using SslStream client = fixture.Connect();
        Assert.True(client.IsAuthenticated);
    }

    [Fact]
    public void A_record_costs_no_memory_of_the_collector()
    {
        using var fixture = new TlsFixture();
        using SslStream client = fixture.Connect();
        using Peer server = fixture.Relay.Accept();
        var chunk = new byte[1 << 20];
        void Exchange(int times)
        {
            for (int i = 0; i < times; i++)
            {
                Thread writer = new(() => server.Send(chunk));
                writer.Start();
                client.ReadExactly(chunk);
                writer.Join();
            }
        }
        Exchange(4);

        long Count() => fixture.Relay.OnLoop(GC.GetAllocatedBytesForCurrentThread);
        long idle = Allocated.Least(static () => { }, Count); // what asking costs
        long busy = Allocated.Least(() => Exchange(32), Count); // 2,048 records

        Assert.InRange(busy, 0, 2 * idle + 512);
    }

    [Theory]
    [InlineData(BackendTls.Unverified, "")]
    [InlineData(BackendTls.Verified, "server.test")]
    public void Encrypts_again_to_the_server(BackendTls kind, string name)
    {
        using var certificates = new TestCertificates();
        using X509Certificate2 own = X509Certificate2.CreateFromPemFile(certificates.Server("server", rsa: false, "server.test"));
        using var fixture = new TlsFixture();
        using TlsClient tls = TlsClient.Load(kind == BackendTls.Verified, name, kind == BackendTls.Verified ? certificates.AuthorityPath : "");
        fixture.Relay.OnLoop(() => fixture.Relay.Pool.Tls = tls);

        using SslStream client = fixture.Connect();
        using Peer peer = fixture.Relay.Accept();
        using var server = new SslStream(new System.Net.Sockets.NetworkStream(peer.Socket, ownsSocket: false));
        server.AuthenticateAsServer(own);
        client.Write("inside"u8);
        var got = new byte[6];
        server.ReadExactly(got);
        server.Write("and back"u8);
        var back = new byte[8];
        client.ReadExactly(back);

        Assert.Equal("inside"u8.ToArray(), got);
        Assert.Equal("and back"u8.ToArray(), back);
    }

    [Fact]
    public void Gives_up_a_server_whose_certificate_is_for_another()
    {
        using var certificates = new TestCertificates();
        using X509Certificate2 own = X509Certificate2.CreateFromPemFile(certificates.Server("server", rsa: false, "server.test"));
        using var fixture = new TlsFixture(backend: static options => options with { Retries = 0 });
        using TlsClient tls = TlsClient.Load(true, "other.test", certificates.AuthorityPath);
        fixture.Relay.OnLoop(() => fixture.Relay.Pool.Tls = tls);

        using SslStream client = fixture.Connect();
        using Peer peer = fixture.Relay.Accept();
        using var server = new SslStream(new System.Net.Sockets.NetworkStream(peer.Socket, ownsSocket: false));
        Assert.ThrowsAny<Exception>(() =>
        {
            server.AuthenticateAsServer(own, false, SslProtocols.Tls12, false);
            server.ReadExactly(new byte[1]);
        });

        fixture.Relay.AwaitEnded(RelayEnd.NoServer);
    }

    private static void AssertRefused(TlsFixture fixture, X509Certificate2? certificate, long failed)
    {
        // TLS 1.3 clients learn of it after their handshake, when they read.
        Assert.ThrowsAny<Exception>(() =>
        {
            using SslStream client = fixture.Connect(certificate: certificate);
            client.ReadExactly(new byte[1]);
        });
        fixture.Relay.AwaitEnded(RelayEnd.HandshakeFailed, failed);
    }
}

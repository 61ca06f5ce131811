using System.Security.Cryptography.X509Certificates;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Tls;

[Trait("Demand", "A7")]
public sealed class Verified_identities
{
    [Theory]
    [InlineData("-tls1_2", Resumption.Ids)]
    [InlineData("-tls1_3", Resumption.Ids)]
    [InlineData("-tls1_2", Resumption.Tickets)]
    [InlineData("-tls1_3", Resumption.Tickets)]
    public void Stay_with_the_session_at_the_other_node_until_they_are_revoked(string version, Resumption resumption)
    {
        using var certificates = new TestCertificates();
        using var directory = new TemporaryDirectory();
        using X509Certificate2 alice = certificates.Client("alice");
        string own = directory.File("alice.pem"), session = directory.File("session");
        File.WriteAllText(own, alice.ExportCertificatePem() + "\n" + alice.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var pair = new TlsPair(resumption, settings => settings with { ClientCertificates = ClientCertificates.Required, ClientCa = certificates.AuthorityPath });

        Assert.Contains("New, TLSv", Client(pair.First, version, "-sess_out", session, "-cert", own), StringComparison.Ordinal);
        pair.Settle();
        if (resumption == Resumption.Ids) Assert.Equal("CN=alice", pair.IdentityOfTheOnlySession());

        Assert.Contains("Reused, TLSv", Client(pair.Second, version, "-sess_in", session), StringComparison.Ordinal); // it shows no certificate
        pair.Revoke("CN=alice");
        Client(pair.Second, version, "-sess_in", session);
        Client(pair.First, version, "-cert", own);

        pair.Second.Relay.AwaitEnded(RelayEnd.IdentityRevoked);
        pair.First.Relay.AwaitEnded(RelayEnd.IdentityRevoked);
    }

    [Theory]
    [InlineData("-tls1_2", Resumption.Ids)]
    [InlineData("-tls1_3", Resumption.Ids)]
    [InlineData("-tls1_2", Resumption.Tickets)]
    [InlineData("-tls1_3", Resumption.Tickets)]
    public void End_with_their_certificate_although_the_session_goes_on(string version, Resumption resumption)
    {
        using var certificates = new TestCertificates();
        using var directory = new TemporaryDirectory();
        using X509Certificate2 alice = certificates.Client("alice");
        string own = directory.File("alice.pem"), session = directory.File("session");
        File.WriteAllText(own, alice.ExportCertificatePem() + "\n" + alice.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var pair = new TlsPair(resumption, settings => settings with { ClientCertificates = ClientCertificates.Optional, ClientCa = certificates.AuthorityPath });
        Client(pair.First, version, "-sess_out", session, "-cert", own);
        pair.Settle();
        Assert.Contains("Reused, TLSv", Client(pair.Second, version, "-sess_in", session), StringComparison.Ordinal);

        TlsContexts revoking = TlsContexts.Load(pair.Second.Tls.Contexts.Settings with { ClientCrl = certificates.Revoke(alice) });
        pair.Second.Relay.OnLoop(() => { pair.Second.Tls.Use(revoking); return true; });

        Assert.Contains("New, TLSv", Client(pair.Second, version, "-sess_in", session), StringComparison.Ordinal);
        Assert.Equal(1, pair.Second.OnCounters(static counters => counters.MissedCertificate));
    }

    private static string Client(TlsFixture server, string version, params string[] options) =>
        OpenSslClient.Handshake(server.Relay.EndPoint, [version, .. options]);
}

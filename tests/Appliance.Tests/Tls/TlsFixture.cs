using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.Tests.Relay;

namespace Appliance.Tests.Tls;

/// <summary>A TLS listener on loopback in front of servers that a test plays.</summary>
internal sealed class TlsFixture : IDisposable
{
    internal TlsFixture(Func<TestCertificates, TlsSettings, TlsSettings>? settings = null, Func<RelayOptions, RelayOptions>? options = null, TlsSessions? sessions = null, TlsRevocations? revocations = null, Func<BackendOptions, BackendOptions>? backend = null, ServiceClock? clock = null, Func<EventLoop, LoginDesk>? logins = null)
    {
        EventLoop loop = new();
        TlsSettings plain = new() { Certificates = [Certificates.Server("default", rsa: false, "shop.test")], SessionContext = "test/tls", Alpn = ["http/1.1"] };
        Tls = new TlsServer(TlsContexts.Load(settings?.Invoke(Certificates, plain) ?? plain), sessions, revocations, clock, logins?.Invoke(loop));
        Relay = new RelayFixture(options, backend, tls: Tls, loop: loop);
    }

    internal TestCertificates Certificates { get; } = new();

    internal TlsServer Tls { get; }

    internal RelayFixture Relay { get; }

    /// <summary>Shakes hands as a client that trusts the authority.</summary>
    internal SslStream Connect(string name = "shop.test", SslProtocols versions = SslProtocols.None, X509Certificate2? certificate = null, params string[] alpn)
    {
        var stream = new SslStream(new NetworkStream(Relay.Connect().Socket, ownsSocket: true));
        try
        {
            stream.AuthenticateAsClient(new SslClientAuthenticationOptions
            {
                TargetHost = name,
                EnabledSslProtocols = versions,
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { Certificates.Authority }, RevocationMode = X509RevocationMode.NoCheck },
                ClientCertificates = certificate is null ? null : [certificate],
                ApplicationProtocols = [.. alpn.Select(static protocol => new SslApplicationProtocol(protocol))],
            });
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads counters where they are written.</summary>
    internal long OnCounters(Func<TlsCounters, long> read) => Relay.OnLoop(() => read(Tls.Counters));

    public void Dispose()
    {
        Relay.Dispose();
        Certificates.Dispose();
    }
}

using Appliance.Configuration;
using Appliance.Listeners.Http;

namespace Appliance.Listeners.Tls;

/// <summary>How a listener terminates TLS; the keys of [listener] that say tls, valid.</summary>
internal sealed record TlsSettings
{
    /// <summary>Files with a certificate, its chain and its key each. The first is for clients that name no known server.</summary>
    public required IReadOnlyList<string> Certificates { get; init; }

    /// <summary>Tells sessions of one listener from another's: alike on all nodes.</summary>
    public required string SessionContext { get; init; }

    /// <summary>Oldest version accepted.</summary>
    public TlsVersion MinVersion { get; init; } = TlsVersion.Tls12;

    /// <summary>Newest version accepted.</summary>
    public TlsVersion MaxVersion { get; init; } = TlsVersion.Tls13;

    /// <summary>TLS 1.2, as openssl-ciphers(1) writes them.</summary>
    public string Ciphers { get; init; } = ListenerOptions.DefaultCiphers;

    /// <summary>TLS 1.3.</summary>
    public string CipherSuites { get; init; } = ListenerOptions.DefaultCipherSuites;

    /// <summary>Groups of the key exchange.</summary>
    public string Groups { get; init; } = ListenerOptions.DefaultGroups;

    /// <summary>Protocols that clients may choose by ALPN, preferred ones first; none when ALPN is not answered.</summary>
    public IReadOnlyList<string> Alpn { get; init; } = [];

    /// <summary>Whether clients show certificates.</summary>
    public ClientCertificates ClientCertificates { get; init; }

    /// <summary>Who may have signed them.</summary>
    public string ClientCa { get; init; } = "";

    /// <summary>Revoked ones; empty when none is asked.</summary>
    public string ClientCrl { get; init; } = "";

    /// <summary>What is done with the requests inside.</summary>
    public HttpRules Http { get; init; } = new();

    /// <summary>How sessions are resumed.</summary>
    public Resumption Resumption { get; init; } = Resumption.Off;

    /// <summary>A TLS 1.3 session is resumed once at most.</summary>
    public bool SingleUse { get; init; }

    /// <summary>How long a session may be resumed.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(2);

    /// <summary>For the handshake.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Handshakes under way at once.</summary>
    public int MaxHandshakes { get; init; } = 1000;

    /// <summary>Of one client; 0 for no limit.</summary>
    public int MaxHandshakesPerSource { get; init; } = 100;
}

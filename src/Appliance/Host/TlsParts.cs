using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Tls;

namespace Appliance.Host;

/// <summary>What a TLS listener is made of.</summary>
internal static class TlsParts
{
    /// <summary>Reads a listener's files and prepares OpenSSL.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal static TlsContexts Load(ListenerOptions options)
    {
        try
        {
            OpenSslException.CheckLibrary();
            return TlsContexts.Load(Settings(options));
        }
        catch (Exception error) when (error is InvalidDataException or OpenSslException)
        {
            throw new NodeStartException($"[listener {options.Name}] {error.Message}", error);
        }
    }

    private static TlsSettings Settings(ListenerOptions options) => new()
    {
        Certificates = options.Certificates,
        SessionContext = $"{options.Service}/{options.Name}",
        MinVersion = options.MinVersion,
        MaxVersion = options.MaxVersion,
        Ciphers = options.Ciphers,
        CipherSuites = options.CipherSuites,
        Groups = options.Groups,
        Alpn = options.Alpn,
        ClientCertificates = options.ClientCertificates,
        ClientCa = options.ClientCa,
        ClientCrl = options.ClientCrl,
        HandshakeTimeout = options.HandshakeTimeout,
        MaxHandshakes = options.MaxHandshakes,
        MaxHandshakesPerSource = options.MaxHandshakesPerSource,
    };
}

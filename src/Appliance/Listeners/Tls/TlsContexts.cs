using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;
using Appliance.Interop;

namespace Appliance.Listeners.Tls;

/// <summary>
/// The certificates and rules of one listener as OpenSSL's contexts, one for each set of names; certificates for the same names (RSA and ECDSA) share one.
/// Immutable: a reload makes others, and connections keep those that they began with.
/// </summary>
internal sealed unsafe class TlsContexts : IDisposable
{
    private const int PemFile = 1, StackCrlCheck = 4; // SSL_FILETYPE_PEM, X509_V_FLAG_CRL_CHECK
    private const int LongestName = 255;
    private readonly Dictionary<string, SslContextHandle> _byName = [];
    private readonly Dictionary<string, SslContextHandle>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<nint, byte[]> _ocsp = [];
    private readonly List<SslContextHandle> _contexts = [];

    private TlsContexts(TlsSettings settings)
    {
        Settings = settings;
        _lookup = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        AlpnProtocols = [.. settings.Alpn.Select(Encoding.ASCII.GetBytes)];
    }

    /// <summary>What they were made of.</summary>
    internal TlsSettings Settings { get; }

    /// <summary>Who may log in; null when nobody is asked.</summary>
    internal Credentials? Credentials { get; private set; }

    /// <summary>For clients that name no server, or none that is known.</summary>
    internal SslContextHandle Default => _contexts[0];

    /// <summary>The certificates, in the order of the configuration.</summary>
    internal IReadOnlyList<TlsCertificate> Certificates { get; private set; } = [];

    /// <summary>Clients' certificates that are revoked; null when none is asked.</summary>
    internal RevokedCertificates? Revoked { get; private set; }

    /// <summary>Preferred ones first.</summary>
    internal IReadOnlyList<byte[]> AlpnProtocols { get; }

    /// <summary>Reads the files and prepares everything.</summary>
    /// <exception cref="InvalidDataException">A file cannot be used.</exception>
    /// <exception cref="OpenSslException">OpenSSL refuses a setting.</exception>
    internal static TlsContexts Load(TlsSettings settings)
    {
        var contexts = new TlsContexts(settings);
        try
        {
            if (settings.Http.CredentialsFile.Length > 0) contexts.Credentials = Credentials.Load(settings.Http.CredentialsFile);
            contexts.Revoked = settings.ClientCrl.Length > 0 ? RevokedCertificates.Load(settings.ClientCrl) : null;
            contexts.Certificates = [.. settings.Certificates.Select(TlsCertificate.Load)];
            foreach (IGrouping<string, TlsCertificate> group in contexts.Certificates.GroupBy(static certificate => string.Join(' ', certificate.Names.Order(StringComparer.Ordinal))))
                contexts.Add([.. group]);
            return contexts;
        }
        catch
        {
            contexts.Dispose();
            throw;
        }
    }

    /// <summary>The context for the name that a client asks for; null for an unknown one. Allocates nothing.</summary>
    internal SslContextHandle? Find(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name.Length > LongestName) return null;
        Span<char> lower = stackalloc char[LongestName + 1];
        for (int i = 0; i < name.Length; i++) lower[i + 1] = char.ToLowerInvariant((char)name[i]);
        if (_lookup.TryGetValue(lower.Slice(1, name.Length), out SslContextHandle? exact)) return exact;
        // RFC 6125, 6.4.3: a wildcard stands for the whole leftmost label, and for no more.
        int dot = lower.Slice(1, name.Length).IndexOf('.');
        if (dot < 0) return null;
        lower[dot] = '*';
        return _lookup.TryGetValue(lower[dot..(name.Length + 1)], out SslContextHandle? wildcard) ? wildcard : null;
    }

    /// <summary>The stapled response of the certificate that was chosen; empty when there is none.</summary>
    internal ReadOnlySpan<byte> OcspResponseOf(nint certificate) => _ocsp.GetValueOrDefault(certificate);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SslContextHandle context in _contexts) context.Dispose();
        Revoked?.Dispose();
    }

    private void Add(IReadOnlyList<TlsCertificate> certificates)
    {
        SslContextHandle context = SslContextHandle.ForServers();
        _contexts.Add(context);
        foreach (TlsCertificate certificate in certificates)
        {
            OpenSsl.ERR_clear_error();
            Demand(OpenSsl.SSL_CTX_use_certificate_chain_file(context, certificate.Path), certificate.Path);
            Demand(OpenSsl.SSL_CTX_use_PrivateKey_file(context, certificate.KeyPath, PemFile), $"the private key in {certificate.KeyPath}");
            Demand(OpenSsl.SSL_CTX_check_private_key(context), $"the private key in {certificate.KeyPath}, which is of another kind than the certificate's,");
            if (certificate.OcspResponse.Length > 0) _ocsp[OpenSsl.SSL_CTX_get0_certificate(context)] = certificate.OcspResponse;
            foreach (string name in certificate.Names) _byName.TryAdd(name, context);
        }
        Prepare(context);
    }

    private void Prepare(SslContextHandle context)
    {
        OpenSsl.SSL_CTX_set_options(context, OpenSsl.NoCompression | OpenSsl.NoRenegotiation | OpenSsl.ServerPreference | OpenSsl.PrioritizeChaCha);
        TlsPreparation.Common(context, Settings.MinVersion, Settings.MaxVersion, Settings.Ciphers, Settings.CipherSuites, Settings.Groups);
        Span<byte> id = stackalloc byte[32]; // SSL_MAX_SID_CTX_LENGTH
        SHA256.HashData(Encoding.UTF8.GetBytes(Settings.SessionContext), id);
        fixed (byte* bytes = id) Demand(OpenSsl.SSL_CTX_set_session_id_context(context, bytes, (uint)id.Length), "the session context");
        TlsCallbacks.Install(context, Settings);
        if (Settings.ClientCertificates != ClientCertificates.Off) VerifyClients(context);
    }

    private void VerifyClients(SslContextHandle context)
    {
        int mode = OpenSsl.VerifyPeer | (Settings.ClientCertificates == ClientCertificates.Required ? OpenSsl.VerifyFailIfNoCertificate : 0);
        OpenSsl.SSL_CTX_set_verify(context, mode, null);
        Demand(OpenSsl.SSL_CTX_load_verify_file(context, Settings.ClientCa), $"client-ca {Settings.ClientCa}");
        nint names = OpenSsl.SSL_load_client_CA_file(Settings.ClientCa);
        Demand(names == 0 ? 0 : 1, $"client-ca {Settings.ClientCa}");
        OpenSsl.SSL_CTX_set_client_CA_list(context, names);
        if (Settings.ClientCrl.Length == 0) return;
        nint store = OpenSsl.SSL_CTX_get_cert_store(context);
        Demand(OpenSsl.X509_load_crl_file(OpenSsl.X509_STORE_add_lookup(store, OpenSsl.X509_LOOKUP_file()), Settings.ClientCrl, PemFile), $"client-crl {Settings.ClientCrl}");
        Demand(OpenSsl.X509_STORE_set_flags(store, StackCrlCheck), "the check of revocations");
    }

    private static void Demand(int result, string what) => TlsPreparation.Demand(result, what);
}

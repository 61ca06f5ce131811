using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Appliance.Listeners.Tls;

/// <summary>A certificate on disk: one PEM file with the certificate, its chain and its key; the key may stand in FILE.key instead, an OCSP response (DER) in FILE.ocsp.</summary>
internal sealed record TlsCertificate
{
    /// <summary>The PEM file.</summary>
    public required string Path { get; init; }

    /// <summary>Where the key stands.</summary>
    public required string KeyPath { get; init; }

    /// <summary>Names that it is for, lower case, with <c>*.</c> in front of wildcards.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>When it ends.</summary>
    public required DateTimeOffset Expires { get; init; }

    /// <summary>For clients that ask for a stapled response; empty when there is none.</summary>
    public required byte[] OcspResponse { get; init; }

    /// <summary>Reads what there is to know of a certificate beside what OpenSSL reads itself.</summary>
    /// <exception cref="InvalidDataException">It cannot be used; the message says which file and why.</exception>
    internal static TlsCertificate Load(string path)
    {
        const int mostOcspBytes = 64 << 10;
        try
        {
            string key = File.Exists(path + ".key") ? path + ".key" : path;
            if ((File.GetUnixFileMode(key) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
                throw new InvalidDataException($"{key} holds a private key and may be used by everybody: run 'chmod o= {key}'");
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(System.Text.Encoding.ASCII.GetBytes(FirstCertificate(path)));
            byte[] ocsp = File.Exists(path + ".ocsp") ? File.ReadAllBytes(path + ".ocsp") : [];
            if (ocsp.Length > mostOcspBytes) throw new InvalidDataException($"{path}.ocsp is no OCSP response: it is longer than {mostOcspBytes >> 10}KiB");
            return new TlsCertificate { Path = path, KeyPath = key, Names = NamesOf(certificate), Expires = certificate.NotAfter.ToUniversalTime(), OcspResponse = ocsp };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new InvalidDataException($"{path} cannot be used as a certificate: {error.Message}", error);
        }
    }

    private static string FirstCertificate(string path)
    {
        string text = File.ReadAllText(path);
        ReadOnlySpan<char> rest = text;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            if (rest[fields.Label] is "CERTIFICATE") return rest[fields.Location].ToString();
            rest = rest[fields.Location.End..];
        }
        throw new InvalidDataException($"{path} holds no certificate: it must begin one with '-----BEGIN CERTIFICATE-----'");
    }

    private static List<string> NamesOf(X509Certificate2 certificate)
    {
        List<string> names = [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(static extension => extension.EnumerateDnsNames()).Select(static name => name.ToLowerInvariant())];
        // RFC 6125, 6.4.4: the common name counts only where no other name stands.
        if (names.Count == 0 && certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } common) names.Add(common.ToLowerInvariant());
        return names;
    }
}

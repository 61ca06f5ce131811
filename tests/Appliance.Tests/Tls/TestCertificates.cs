using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Tls;

/// <summary>An authority and certificates that it signs, as PEM files in a directory of their own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _serial;

    internal TestCertificates()
    {
        var request = new CertificateRequest("CN=test authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        Authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        AuthorityPath = Write("authority", Authority.ExportCertificatePem());
    }

    internal X509Certificate2 Authority { get; }

    internal string AuthorityPath { get; }

    /// <summary>Answers of the authority for a server's certificate (RFC 6960), as its responder would give them; answers the file.</summary>
    internal string Staple(string certificate, int serial)
    {
        string key = Write("authority-key", _key.ExportPkcs8PrivateKeyPem()), index = PathOf("index"), response = certificate + ".ocsp";
        File.WriteAllText(index, FormattableString.Invariant($"V\t{DateTime.UtcNow.AddDays(20):yyMMddHHmmss}Z\t\t{serial:X2}\tunknown\t/CN=any\n"));
        Shell.Run("openssl", "ocsp", "-index", index, "-CA", AuthorityPath, "-issuer", AuthorityPath, "-cert", certificate, "-rsigner", AuthorityPath, "-rkey", key, "-ndays", "1", "-respout", response, "-noverify");
        return response;
    }

    /// <summary>Where a file of that name stands.</summary>
    internal string PathOf(string name) => _directory.File(name + ".pem");

    /// <summary>Signs a certificate for servers' names and writes it with its key; answers the file.</summary>
    internal string Server(string file, bool rsa, params string[] names)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string name in names) alternatives.AddDnsName(name);
        using X509Certificate2 certificate = Sign(key, $"CN={names[0]}", alternatives.Build());
        return Write(file, certificate.ExportCertificatePem() + "\n" + Authority.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>A client's certificate with its key.</summary>
    internal X509Certificate2 Client(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Sign(key, $"CN={name}", null);
        return certificate.CopyWithPrivateKey(key);
    }

    /// <summary>The authority's list of revoked certificates; answers the file.</summary>
    internal string Revoke(params X509Certificate2[] certificates)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (X509Certificate2 certificate in certificates) builder.AddEntry(certificate);
        byte[] list = builder.Build(Authority, 1, DateTimeOffset.UtcNow.AddDays(7), HashAlgorithmName.SHA256);
        return Write("revoked", PemEncoding.WriteString("X509 CRL", list));
    }

    public void Dispose()
    {
        Authority.Dispose();
        _key.Dispose();
        _directory.Dispose();
    }

    private X509Certificate2 Sign(AsymmetricAlgorithm key, string subject, X509Extension? extension)
    {
        CertificateRequest request = key is RSA rsa
            ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        if (extension is not null) request.CertificateExtensions.Add(extension);
        return request.Create(Authority.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(20), [(byte)++_serial]);
    }

    private string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        File.SetUnixFileMode(PathOf(name), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return PathOf(name);
    }
}

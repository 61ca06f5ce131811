using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Host;

namespace Appliance.Lab;

/// <summary>The certificate of a laboratory's TLS listener, made anew for each laboratory and signed by itself.</summary>
internal static class LabCertificate
{
    /// <summary>The name that it is for, beside the addresses.</summary>
    internal const string Name = "demo.lab";

    /// <summary>Makes a certificate for all addresses at which the listener answers, with its key in the same file.</summary>
    internal static void Write(string path, IEnumerable<string> addresses)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={Name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(Name);
        names.AddDnsName("localhost");
        foreach (string address in addresses) names.AddIpAddress(IPAddress.Parse(address));
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(365));
        string pem = $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n";
        AtomicFile.Write(path, System.Text.Encoding.ASCII.GetBytes(pem), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}

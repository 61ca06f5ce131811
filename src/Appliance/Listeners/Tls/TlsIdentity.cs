using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Appliance.Interop;

namespace Appliance.Listeners.Tls;

/// <summary>Who a client has proved to be by its certificate (A7). OpenSSL keeps the certificate with the session, so a resumed one says the same at every node.</summary>
internal static unsafe class TlsIdentity
{
    /// <summary>Longest certificate looked at; one for a client has some 2 KiB.</summary>
    private const int MaxCertificateBytes = 32 << 10;

    /// <summary>The subject of the certificate, as in <c>CN=alice, O=shop</c>, in UTF-8; empty when the client showed none.</summary>
    internal static byte[] Of(nint connection)
    {
        nint certificate = OpenSsl.SSL_get0_peer_certificate(connection);
        int bytes = certificate == 0 ? 0 : OpenSsl.i2d_X509(certificate, null);
        if (bytes is < 1 or > MaxCertificateBytes) return [];
        var der = new byte[bytes];
        fixed (byte* start = der)
        {
            byte* at = start;
            OpenSsl.i2d_X509(certificate, &at);
        }
        try
        {
            using X509Certificate2 parsed = X509CertificateLoader.LoadCertificate(der);
            return Encoding.UTF8.GetBytes(parsed.Subject);
        }
        catch (CryptographicException)
        {
            return []; // a name that only OpenSSL can read is nobody's
        }
    }
}

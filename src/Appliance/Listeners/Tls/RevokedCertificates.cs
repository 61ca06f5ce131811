using System.Security.Cryptography;
using Appliance.Interop;

namespace Appliance.Listeners.Tls;

/// <summary>
/// The lists of revoked certificates of a PEM file, for sessions that are resumed: OpenSSL asks them only when it verifies a chain, and a resumed session brings its
/// certificate from before. Immutable; the loop of the handshakes.
/// </summary>
internal sealed unsafe class RevokedCertificates : IDisposable
{
    private readonly List<nint> _lists = [];

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It holds no list.</exception>
    internal static RevokedCertificates Load(string path)
    {
        var revoked = new RevokedCertificates();
        try
        {
            ReadOnlySpan<char> rest = File.ReadAllText(path);
            while (PemEncoding.TryFind(rest, out PemFields fields))
            {
                if (rest[fields.Label] is "X509 CRL") revoked.Add(Convert.FromBase64String(rest[fields.Base64Data].ToString()));
                rest = rest[fields.Location.End..];
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            revoked.Dispose();
            throw new InvalidDataException($"client-crl {path} cannot be read: {error.Message}", error);
        }
        if (revoked._lists.Count > 0 && !revoked._lists.Contains(0)) return revoked;
        revoked.Dispose();
        throw new InvalidDataException($"client-crl {path} cannot be used: it holds no list of revoked certificates that begins with '-----BEGIN X509 CRL-----'");
    }

    /// <summary>A list of who issued the certificate names it.</summary>
    internal bool Contains(nint certificate)
    {
        nint issuer = OpenSsl.X509_get_issuer_name(certificate);
        foreach (nint list in _lists)
        {
            nint entry;
            if (OpenSsl.X509_NAME_cmp(OpenSsl.X509_CRL_get_issuer(list), issuer) == 0 && OpenSsl.X509_CRL_get0_by_cert(list, &entry, certificate) == 1) return true;
        }
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (nint list in _lists) OpenSsl.X509_CRL_free(list);
        _lists.Clear();
    }

    private void Add(byte[] der)
    {
        fixed (byte* start = der)
        {
            byte* at = start;
            _lists.Add(OpenSsl.d2i_X509_CRL(null, &at, der.Length));
        }
    }
}

using Appliance.Configuration;
using Appliance.Interop;

namespace Appliance.Listeners.Tls;

/// <summary>What contexts for accepting and for connecting have in common.</summary>
internal static unsafe class TlsPreparation
{
    // Two records at a time: one call into the kernel brings them, and an idle connection holds none of it (SSL_MODE_RELEASE_BUFFERS).
    private const nuint ReadBufferBytes = 2 * (16384 + 256 + 5);

    /// <summary>Versions, ciphers and groups.</summary>
    /// <exception cref="OpenSslException">OpenSSL does not know one of them.</exception>
    internal static void Common(SslContextHandle context, TlsVersion min, TlsVersion max, string ciphers, string suites, string groups)
    {
        OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlMode, OpenSsl.MovingBuffer | OpenSsl.ReleaseBuffers, null);
        OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlReadAhead, 1, null);
        OpenSsl.SSL_CTX_set_default_read_buffer_len(context, ReadBufferBytes);
        Demand((int)OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlMinVersion, NumberOf(min), null), "min-version");
        Demand((int)OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlMaxVersion, NumberOf(max), null), "max-version");
        Demand(OpenSsl.SSL_CTX_set_cipher_list(context, ciphers), $"ciphers '{ciphers}'");
        Demand(OpenSsl.SSL_CTX_set_ciphersuites(context, suites), $"cipher-suites '{suites}'");
        byte[] list = System.Text.Encoding.UTF8.GetBytes(groups + "\0");
        fixed (byte* text = list) Demand((int)OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlGroupsList, 0, text), $"groups '{groups}'");
    }

    /// <summary>Throws unless OpenSSL answered 1.</summary>
    /// <exception cref="OpenSslException">It did not.</exception>
    internal static void Demand(int result, string what)
    {
        if (result < 1) throw OpenSslException.Take($"{what} cannot be used");
    }

    private static int NumberOf(TlsVersion version) => version == TlsVersion.Tls12 ? OpenSsl.Tls12 : OpenSsl.Tls13;
}

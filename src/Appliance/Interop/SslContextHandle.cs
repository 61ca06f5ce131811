using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>An SSL_CTX. Connections made from it keep it alive after it was disposed of (SSL_CTX_free(3ossl)).</summary>
internal sealed class SslContextHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private SslContextHandle(nint context) : base(ownsHandle: true) => SetHandle(context);

    /// <summary>A context for accepting connections.</summary>
    /// <exception cref="OpenSslException">The library refuses.</exception>
    internal static SslContextHandle ForServers() => Made(OpenSsl.SSL_CTX_new(OpenSsl.TLS_server_method()));

    /// <summary>A context for connecting.</summary>
    /// <exception cref="OpenSslException">The library refuses.</exception>
    internal static SslContextHandle ForClients() => Made(OpenSsl.SSL_CTX_new(OpenSsl.TLS_client_method()));

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        OpenSsl.SSL_CTX_free(handle);
        return true;
    }

    private static SslContextHandle Made(nint context) => context != 0 ? new SslContextHandle(context) : throw OpenSslException.Take("cannot prepare TLS");
}

using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>An SSL with the stream that it reads and writes. One thread. Freeing it overwrites its keys (SSL_free(3ossl)).</summary>
internal sealed class SslHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private SslHandle(nint connection) : base(ownsHandle: true) => SetHandle(connection);

    /// <summary>The connection, for as long as this is not disposed of.</summary>
    internal nint Pointer => handle;

    /// <summary>A connection over a stream, which belongs to it from now on.</summary>
    /// <exception cref="OpenSslException">The library is out of memory.</exception>
    internal static SslHandle Create(SslContextHandle context, nint method, bool accepts)
    {
        nint connection = OpenSsl.SSL_new(context);
        nint stream = connection == 0 ? 0 : OpenSsl.BIO_new(method);
        if (stream == 0)
        {
            if (connection != 0) OpenSsl.SSL_free(connection);
            throw OpenSslException.Take("no memory for a TLS connection");
        }
        OpenSsl.SSL_set_bio(connection, stream, stream);
        if (accepts) OpenSsl.SSL_set_accept_state(connection);
        else OpenSsl.SSL_set_connect_state(connection);
        return new SslHandle(connection);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        OpenSsl.SSL_free(handle);
        return true;
    }
}

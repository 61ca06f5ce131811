using System.Text;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Connections;

namespace Appliance.Listeners.Tls;

/// <summary>How connections to the servers of a pool are encrypted. Immutable; connections keep what they began with.</summary>
internal sealed unsafe class TlsClient : IDisposable
{
    private readonly SslContextHandle _context;
    private readonly byte[] _name;
    private readonly bool _verifies;

    private TlsClient(SslContextHandle context, string name, bool verifies)
    {
        _context = context;
        _name = name.Length == 0 ? [] : [.. Encoding.ASCII.GetBytes(name), 0];
        _verifies = verifies;
    }

    /// <summary>Prepares it.</summary>
    /// <param name="verifies">A server must show a certificate for the name.</param>
    /// <param name="name">Asked for (SNI), and demanded when it verifies.</param>
    /// <param name="authorities">PEM file of those who may sign; empty for those that the system trusts.</param>
    /// <exception cref="OpenSslException">The file cannot be used.</exception>
    internal static TlsClient Load(bool verifies, string name, string authorities)
    {
        SslContextHandle context = SslContextHandle.ForClients();
        try
        {
            OpenSsl.ERR_clear_error();
            OpenSsl.SSL_CTX_set_options(context, OpenSsl.NoCompression | OpenSsl.NoRenegotiation);
            TlsPreparation.Common(context, TlsVersion.Tls12, TlsVersion.Tls13, ListenerOptions.DefaultCiphers, ListenerOptions.DefaultCipherSuites, ListenerOptions.DefaultGroups);
            if (verifies)
            {
                OpenSsl.SSL_CTX_set_verify(context, OpenSsl.VerifyPeer, null);
                TlsPreparation.Demand(authorities.Length == 0 ? OpenSsl.SSL_CTX_set_default_verify_paths(context) : OpenSsl.SSL_CTX_load_verify_file(context, authorities), $"tls-ca {authorities}");
            }
            return new TlsClient(context, name, verifies);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>TLS over a connection to a server.</summary>
    /// <param name="socket">Connecting or connected.</param>
    /// <param name="memory">That of the socket.</param>
    /// <param name="output">Shared by the connections of a loop.</param>
    /// <param name="protocol">What the client behind has chosen by ALPN, which the server is offered and no other; empty for nothing.</param>
    /// <exception cref="OpenSslException">Out of memory.</exception>
    internal TlsConnection Connect(TcpConnection socket, ConnectionMemory memory, TlsOutput output, ReadOnlySpan<byte> protocol = default)
    {
        var connection = new TlsConnection(socket, memory, output, _context, null);
        if (!protocol.IsEmpty) connection.Offer(protocol);
        if (_name.Length == 0) return connection;
        fixed (byte* name = _name)
        {
            OpenSsl.SSL_ctrl(connection.Pointer, OpenSsl.CtrlSetServerName, 0, name);
            if (_verifies) OpenSsl.SSL_set1_host(connection.Pointer, name);
        }
        return connection;
    }

    /// <inheritdoc/>
    public void Dispose() => _context.Dispose();
}

using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>
/// OpenSSL 3 (libssl.so.3, libcrypto.so.3): the calls that TLS listeners need, as ssl(7ossl) names them. Calls that can come back to managed code
/// (handshake, read, write, shutdown) are ordinary ones; those that only look something up suppress the transition of the collector.
/// </summary>
internal static unsafe partial class OpenSsl
{
    /// <summary>The libraries by the names that all OpenSSL 3 releases share.</summary>
    internal const string Ssl = "libssl.so.3", Crypto = "libcrypto.so.3";

    /// <summary>TLS versions as the library numbers them (RFC 8446, 4.1.2).</summary>
    internal const int Tls12 = 0x0303, Tls13 = 0x0304;

    /// <summary>Options of a context (SSL_CTX_set_options(3ossl)).</summary>
    internal const ulong NoTicket = 1 << 14, NoCompression = 1 << 17, ServerPreference = 1 << 22, PrioritizeChaCha = 1 << 21, NoRenegotiation = 1 << 30;

    /// <summary>What SSL_get_error answers.</summary>
    internal const int ErrorSsl = 1, WantRead = 2, WantWrite = 3, ErrorSystemCall = 5, ZeroReturn = 6;

    /// <summary>Commands of SSL_CTX_ctrl: ssl.h names them SSL_CTRL_*.</summary>
    internal const int CtrlMode = 33, CtrlReadAhead = 41, CtrlSessionCacheMode = 44, CtrlServerNameCallback = 53, CtrlStatusCallback = 63,
        CtrlGroupsList = 92, CtrlMinVersion = 123, CtrlMaxVersion = 124;

    /// <summary>Commands of SSL_ctrl.</summary>
    internal const int CtrlSetServerName = 55, CtrlSetStatusResponse = 71;

    /// <summary>SSL_MODE_ENABLE_PARTIAL_WRITE, _ACCEPT_MOVING_WRITE_BUFFER, _RELEASE_BUFFERS.</summary>
    internal const int PartialWrite = 1, MovingBuffer = 2, ReleaseBuffers = 16;

    /// <summary>SSL_SESS_CACHE_OFF, _SERVER, _NO_INTERNAL.</summary>
    internal const int CacheOff = 0, CacheServer = 2, CacheNoInternal = 0x300;

    /// <summary>SSL_VERIFY_*.</summary>
    internal const int VerifyNone = 0, VerifyPeer = 1, VerifyFailIfNoCertificate = 2;

    /// <summary>SSL_TLSEXT_ERR_OK, _ALERT_FATAL, _NOACK.</summary>
    internal const int ExtensionOk = 0, ExtensionAlertFatal = 2, ExtensionNoAck = 3;

    [LibraryImport(Crypto), SuppressGCTransition] internal static partial uint OPENSSL_version_major();
    [LibraryImport(Crypto)] internal static partial nint OpenSSL_version(int type);
    [LibraryImport(Crypto), SuppressGCTransition] internal static partial void ERR_clear_error();
    [LibraryImport(Crypto)] internal static partial ulong ERR_get_error();
    [LibraryImport(Crypto)] internal static partial nint ERR_reason_error_string(ulong error);
    [LibraryImport(Crypto)] internal static partial void OPENSSL_cleanse(byte* bytes, nuint length);
    [LibraryImport(Crypto)] internal static partial byte* CRYPTO_malloc(nuint bytes, byte* file, int line);

    // Contexts
    [LibraryImport(Ssl)] internal static partial nint TLS_server_method();
    [LibraryImport(Ssl)] internal static partial nint TLS_client_method();
    [LibraryImport(Ssl)] internal static partial nint SSL_CTX_new(nint method);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_free(nint context);
    [LibraryImport(Ssl)] internal static partial long SSL_CTX_ctrl(SslContextHandle context, int command, long number, void* pointer);
    [LibraryImport(Ssl)] internal static partial long SSL_CTX_callback_ctrl(SslContextHandle context, int command, void* function);
    [LibraryImport(Ssl)] internal static partial ulong SSL_CTX_set_options(SslContextHandle context, ulong options);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial int SSL_CTX_use_certificate_chain_file(SslContextHandle context, string path);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial int SSL_CTX_use_PrivateKey_file(SslContextHandle context, string path, int type);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_check_private_key(SslContextHandle context);
    [LibraryImport(Ssl)] internal static partial nint SSL_CTX_get0_certificate(SslContextHandle context);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial int SSL_CTX_set_cipher_list(SslContextHandle context, string list);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial int SSL_CTX_set_ciphersuites(SslContextHandle context, string list);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_set_session_id_context(SslContextHandle context, byte* id, uint length);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_set_num_tickets(SslContextHandle context, nuint count);
    [LibraryImport(Ssl)] internal static partial long SSL_CTX_set_timeout(SslContextHandle context, long seconds);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_set_default_read_buffer_len(SslContextHandle context, nuint bytes);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_set_alpn_select_cb(SslContextHandle context, delegate* unmanaged<nint, byte**, byte*, byte*, uint, void*, int> select, void* argument);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_set_verify(SslContextHandle context, int mode, void* callback);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial int SSL_CTX_load_verify_file(SslContextHandle context, string path);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_set_default_verify_paths(SslContextHandle context);
    [LibraryImport(Ssl, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint SSL_load_client_CA_file(string path);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_set_client_CA_list(SslContextHandle context, nint names);
    [LibraryImport(Ssl)] internal static partial nint SSL_CTX_get_cert_store(SslContextHandle context);
    [LibraryImport(Crypto)] internal static partial nint X509_STORE_add_lookup(nint store, nint method);
    [LibraryImport(Crypto)] internal static partial nint X509_LOOKUP_file();
    [LibraryImport(Crypto, StringMarshalling = StringMarshalling.Utf8)] internal static partial int X509_load_crl_file(nint lookup, string path, int type);
    [LibraryImport(Crypto)] internal static partial int X509_STORE_set_flags(nint store, ulong flags);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_sess_set_new_cb(SslContextHandle context, delegate* unmanaged<nint, nint, int> created);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_sess_set_get_cb(SslContextHandle context, delegate* unmanaged<nint, byte*, int, int*, nint> find);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_set_tlsext_ticket_key_evp_cb(SslContextHandle context, delegate* unmanaged<nint, byte*, byte*, nint, nint, int, int> callback);
    [LibraryImport(Ssl)] internal static partial void SSL_CTX_set_info_callback(SslContextHandle context, delegate* unmanaged<nint, int, int, void> callback);

    // Connections
    [LibraryImport(Ssl)] internal static partial nint SSL_new(SslContextHandle context);
    [LibraryImport(Ssl)] internal static partial void SSL_free(nint connection);
    [LibraryImport(Ssl)] internal static partial void SSL_set_bio(nint connection, nint read, nint write);
    [LibraryImport(Ssl)] internal static partial void SSL_set_accept_state(nint connection);
    [LibraryImport(Ssl)] internal static partial void SSL_set_connect_state(nint connection);
    [LibraryImport(Ssl)] internal static partial nint SSL_set_SSL_CTX(nint connection, SslContextHandle context);
    [LibraryImport(Ssl)] internal static partial int SSL_do_handshake(nint connection);
    [LibraryImport(Ssl)] internal static partial int SSL_read(nint connection, byte* destination, int length);
    [LibraryImport(Ssl)] internal static partial int SSL_write(nint connection, byte* source, int length);
    [LibraryImport(Ssl)] internal static partial int SSL_shutdown(nint connection);
    [LibraryImport(Ssl), SuppressGCTransition] internal static partial int SSL_get_error(nint connection, int result);
    [LibraryImport(Ssl), SuppressGCTransition] internal static partial int SSL_version(nint connection);
    [LibraryImport(Ssl), SuppressGCTransition] internal static partial int SSL_session_reused(nint connection);
    [LibraryImport(Ssl)] internal static partial byte* SSL_get_servername(nint connection, int type);
    [LibraryImport(Ssl)] internal static partial nint SSL_get_certificate(nint connection);
    [LibraryImport(Ssl)] internal static partial nint SSL_get0_peer_certificate(nint connection);
    [LibraryImport(Ssl)] internal static partial void SSL_get0_alpn_selected(nint connection, byte** protocol, uint* length);
    [LibraryImport(Ssl)] internal static partial int SSL_set_alpn_protos(nint connection, byte* protocols, uint length);
    [LibraryImport(Ssl)] internal static partial long SSL_get_verify_result(nint connection);
    [LibraryImport(Ssl)] internal static partial long SSL_ctrl(nint connection, int command, long number, void* pointer);
    [LibraryImport(Ssl)] internal static partial int SSL_set1_host(nint connection, byte* name);
    [LibraryImport(Crypto)] internal static partial nint X509_verify_cert_error_string(long result);
    [LibraryImport(Crypto)] internal static partial int i2d_X509(nint certificate, byte** destination);

    // Sessions
    [LibraryImport(Ssl)] internal static partial byte* SSL_SESSION_get_id(nint session, uint* length);
    [LibraryImport(Ssl)] internal static partial int i2d_SSL_SESSION(nint session, byte** destination);
    [LibraryImport(Ssl)] internal static partial nint d2i_SSL_SESSION(nint* session, byte** source, long length);
    [LibraryImport(Ssl)] internal static partial void SSL_SESSION_free(nint session);
    [LibraryImport(Ssl)] internal static partial int SSL_SESSION_get_protocol_version(nint session);

    [LibraryImport(Ssl)] internal static partial nint SSL_get_session(nint connection);
    [LibraryImport(Ssl)] internal static partial int SSL_SESSION_set1_ticket_appdata(nint session, byte* data, nuint length);
    [LibraryImport(Ssl)] internal static partial int SSL_SESSION_get0_ticket_appdata(nint session, byte** data, nuint* length);
    [LibraryImport(Ssl)] internal static partial nint SSL_SESSION_get0_peer(nint session);
    [LibraryImport(Ssl)] internal static partial int SSL_CTX_set_session_ticket_cb(SslContextHandle context, delegate* unmanaged<nint, void*, int> made, delegate* unmanaged<nint, nint, byte*, nuint, int, void*, int> opened, void* argument);

    // Revoked certificates
    [LibraryImport(Crypto)] internal static partial nint d2i_X509_CRL(nint* list, byte** source, long length);
    [LibraryImport(Crypto)] internal static partial void X509_CRL_free(nint list);
    [LibraryImport(Crypto)] internal static partial nint X509_CRL_get_issuer(nint list);
    [LibraryImport(Crypto)] internal static partial nint X509_get_issuer_name(nint certificate);
    [LibraryImport(Crypto)] internal static partial int X509_NAME_cmp(nint name, nint other);
    [LibraryImport(Crypto)] internal static partial int X509_CRL_get0_by_cert(nint list, nint* entry, nint certificate);
    [LibraryImport(Crypto)] internal static partial nint X509_get0_notAfter(nint certificate);
    [LibraryImport(Crypto)] internal static partial int X509_cmp_current_time(nint time);

    // Passwords
    [LibraryImport(Crypto)] internal static partial int EVP_PBE_scrypt(byte* password, nuint passwordBytes, byte* salt, nuint saltBytes, ulong cost, ulong blockSize, ulong parallel, ulong maxMemory, byte* key, nuint keyBytes);

    // Ticket keys
    [LibraryImport(Crypto)] internal static partial nint EVP_aes_256_cbc();
    [LibraryImport(Crypto)] internal static partial int EVP_EncryptInit_ex(nint context, nint cipher, nint engine, byte* key, byte* vector);
    [LibraryImport(Crypto)] internal static partial int EVP_DecryptInit_ex(nint context, nint cipher, nint engine, byte* key, byte* vector);
    [LibraryImport(Crypto)] internal static partial int EVP_MAC_init(nint context, byte* key, nuint length, OpenSslParameter* parameters);
    [LibraryImport(Crypto)] internal static partial int RAND_bytes(byte* destination, int length);

    // Streams of bytes that the library reads from and writes to
    [LibraryImport(Crypto)] internal static partial int BIO_get_new_index();
    [LibraryImport(Crypto, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint BIO_meth_new(int type, string name);
    [LibraryImport(Crypto)] internal static partial int BIO_meth_set_read(nint method, delegate* unmanaged<nint, byte*, int, int> read);
    [LibraryImport(Crypto)] internal static partial int BIO_meth_set_write(nint method, delegate* unmanaged<nint, byte*, int, int> write);
    [LibraryImport(Crypto)] internal static partial int BIO_meth_set_ctrl(nint method, delegate* unmanaged<nint, int, long, void*, long> control);
    [LibraryImport(Crypto)] internal static partial nint BIO_new(nint method);
    [LibraryImport(Crypto), SuppressGCTransition] internal static partial void BIO_set_flags(nint stream, int flags);
    [LibraryImport(Crypto), SuppressGCTransition] internal static partial void BIO_clear_flags(nint stream, int flags);
}

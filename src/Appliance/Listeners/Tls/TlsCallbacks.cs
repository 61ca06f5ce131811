using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Multicast.Transport;

namespace Appliance.Listeners.Tls;

/// <summary>
/// What OpenSSL calls while it works for a connection. Runs on the thread that called OpenSSL, for <see cref="TlsConnection.Current"/>; an exception would end the
/// process, so nothing here throws.
/// </summary>
internal static unsafe class TlsCallbacks
{
    private const int StreamType = 0x400;       // BIO_TYPE_SOURCE_SINK
    private const int RetryFlags = 0x0f, RetryRead = 0x01 | 0x08;
    private const int ControlFlush = 11;        // BIO_CTRL_FLUSH
    private const int AlertWritten = 0x4008;    // SSL_CB_WRITE_ALERT
    private const int TicketGood = 5, TicketOld = 6; // SSL_TICKET_SUCCESS, _SUCCESS_RENEW
    private const int TicketIgnoreAndRenew = 2, TicketUse = 3, TicketUseAndRenew = 4; // SSL_TICKET_RETURN_*
    private const int NoRenegotiationAlert = 1 << 8 | 100; // level warning, no_renegotiation

    /// <summary>The stream between OpenSSL and a <see cref="TlsConnection"/>. Made once, never freed.</summary>
    internal static nint StreamMethod { get; } = MakeStreamMethod();

    /// <summary>Makes a server's context call back.</summary>
    internal static void Install(SslContextHandle context, TlsSettings settings)
    {
        OpenSsl.SSL_CTX_callback_ctrl(context, OpenSsl.CtrlServerNameCallback, (delegate* unmanaged<nint, int*, void*, int>)&OnServerName);
        OpenSsl.SSL_CTX_callback_ctrl(context, OpenSsl.CtrlStatusCallback, (delegate* unmanaged<nint, void*, int>)&OnStatusRequest);
        OpenSsl.SSL_CTX_set_info_callback(context, &OnInformation);
        InstallResumption(context, settings);
        if (settings.Alpn.Count > 0) OpenSsl.SSL_CTX_set_alpn_select_cb(context, &OnAlpn, null);
    }

    private static void InstallResumption(SslContextHandle context, TlsSettings settings)
    {
        bool ids = settings.Resumption is Resumption.Ids or Resumption.Both, tickets = settings.Resumption is Resumption.Tickets or Resumption.Both;
        OpenSsl.SSL_CTX_ctrl(context, OpenSsl.CtrlSessionCacheMode, ids ? OpenSsl.CacheServer | OpenSsl.CacheNoInternal : OpenSsl.CacheOff, null);
        OpenSsl.SSL_CTX_set_timeout(context, (long)settings.SessionLifetime.TotalSeconds);
        if (ids)
        {
            OpenSsl.SSL_CTX_sess_set_new_cb(context, &OnNewSession);
            OpenSsl.SSL_CTX_sess_set_get_cb(context, &OnFindSession);
        }
        bool logins = settings.Http.CredentialsFile.Length > 0, certificates = settings.ClientCertificates != ClientCertificates.Off;
        if (logins || certificates) OpenSsl.SSL_CTX_set_session_ticket_cb(context, logins ? &OnTicketMade : null, certificates ? &OnTicketOpened : null, null);
        if (tickets) OpenSsl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &OnTicket);
        else OpenSsl.SSL_CTX_set_options(context, OpenSsl.NoTicket); // TLS 1.3 then keeps sessions by id as well
        OpenSsl.SSL_CTX_set_num_tickets(context, tickets ? 2u : ids ? 1u : 0); // each one by id is a record of the mirror
    }

    private static nint MakeStreamMethod()
    {
        nint method = OpenSsl.BIO_meth_new(OpenSsl.BIO_get_new_index() | StreamType, "connection");
        if (method == 0) throw OpenSslException.Take("cannot prepare TLS");
        OpenSsl.BIO_meth_set_read(method, &OnRead);
        OpenSsl.BIO_meth_set_write(method, &OnWrite);
        OpenSsl.BIO_meth_set_ctrl(method, &OnControl);
        return method;
    }

    [UnmanagedCallersOnly]
    private static int OnRead(nint stream, byte* destination, int length)
    {
        OpenSsl.BIO_clear_flags(stream, RetryFlags);
        int given = TlsConnection.Current.GiveInput(destination, length);
        if (given == -Sockets.TryAgain) OpenSsl.BIO_set_flags(stream, RetryRead);
        return Math.Max(given, -1);
    }

    [UnmanagedCallersOnly]
    private static int OnWrite(nint stream, byte* source, int length)
    {
        OpenSsl.BIO_clear_flags(stream, RetryFlags);
        return TlsConnection.Current.TakeOutput(new ReadOnlySpan<byte>(source, length)) ? length : -1;
    }

    [UnmanagedCallersOnly]
    private static long OnControl(nint stream, int command, long number, void* pointer) => command == ControlFlush ? 1 : 0;

    [UnmanagedCallersOnly]
    private static int OnServerName(nint connection, int* alert, void* argument)
    {
        ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(OpenSsl.SSL_get_servername(connection, 0));
        if (name.IsEmpty || TlsConnection.Current.Server!.Contexts.Find(name) is not { } context) return OpenSsl.ExtensionNoAck;
        OpenSsl.SSL_set_SSL_CTX(connection, context);
        return OpenSsl.ExtensionOk;
    }

    [UnmanagedCallersOnly]
    private static int OnStatusRequest(nint connection, void* argument)
    {
        TlsServer server = TlsConnection.Current.Server!;
        ReadOnlySpan<byte> response = server.Contexts.OcspResponseOf(OpenSsl.SSL_get_certificate(connection));
        byte* copy = response.IsEmpty ? null : OpenSsl.CRYPTO_malloc((nuint)response.Length, null, 0);
        if (copy == null) return OpenSsl.ExtensionNoAck;
        response.CopyTo(new Span<byte>(copy, response.Length));
        OpenSsl.SSL_ctrl(connection, OpenSsl.CtrlSetStatusResponse, response.Length, copy); // frees it
        server.Counters.StapledResponses++;
        return OpenSsl.ExtensionOk;
    }

    [UnmanagedCallersOnly]
    private static int OnAlpn(nint connection, byte** chosen, byte* chosenLength, byte* offered, uint offeredBytes, void* argument)
    {
        foreach (byte[] protocol in TlsConnection.Current.Server!.Contexts.AlpnProtocols)
        {
            for (uint at = 0; at < offeredBytes; at += 1u + offered[at])
            {
                if (!new ReadOnlySpan<byte>(offered + at + 1, offered[at]).SequenceEqual(protocol)) continue;
                *chosen = offered + at + 1; // in the hello, which outlives this call
                *chosenLength = offered[at];
                return OpenSsl.ExtensionOk;
            }
        }
        return OpenSsl.ExtensionAlertFatal; // RFC 7301, 3.2
    }

    // The answer 0 says that no reference to the session was kept.
    [UnmanagedCallersOnly]
    private static int OnNewSession(nint connection, nint session)
    {
        TlsServer server = TlsConnection.Current.Server!;
        TlsSettings settings = server.Contexts.Settings;
        uint bytes;
        byte* id = OpenSsl.SSL_SESSION_get_id(session, &bytes);
        if (settings.Http.CredentialsFile.Length > 0) GiveLoginHandle(session);
        bool hasTicket = settings.Resumption == Resumption.Both && OpenSsl.SSL_SESSION_get_protocol_version(session) == OpenSsl.Tls13;
        if (bytes > 0 && !hasTicket) server.Sessions?.Add(new ReadOnlySpan<byte>(id, (int)bytes), session, settings.ClientCertificates == ClientCertificates.Off ? [] : TlsIdentity.Of(connection), server.NowMilliseconds + (long)settings.SessionLifetime.TotalMilliseconds);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static nint OnFindSession(nint connection, byte* id, int length, int* isKept)
    {
        *isKept = 0;
        TlsServer server = TlsConnection.Current.Server!;
        if (server.Sessions is not { } sessions) return 0;
        SessionLookup outcome = sessions.Find(new ReadOnlySpan<byte>(id, length), server.NowMilliseconds, out nint session);
        if (outcome == SessionLookup.Unknown) server.Counters.MissedUnknown++;
        if (outcome == SessionLookup.Expired) server.Counters.MissedExpired++;
        if (session == 0 || IsGood(server, session) && IsFresh(sessions, server, session, new ReadOnlySpan<byte>(id, length))) return session;
        OpenSsl.SSL_SESSION_free(session);
        return 0;
    }

    // A ticket, of TLS 1.2 or 1.3, is about to be sealed, or a TLS 1.3 session to be given its id.
    [UnmanagedCallersOnly]
    private static int OnTicketMade(nint connection, void* argument)
    {
        GiveLoginHandle(OpenSsl.SSL_get_session(connection));
        return 1;
    }

    [UnmanagedCallersOnly]
    private static int OnTicketOpened(nint connection, nint session, byte* name, nuint nameBytes, int status, void* argument)
    {
        if (status is not (TicketGood or TicketOld)) return TicketIgnoreAndRenew;
        return IsGood(TlsConnection.Current.Server!, session) ? status == TicketGood ? TicketUse : TicketUseAndRenew : TicketIgnoreAndRenew;
    }

    // The handle stays with all sessions that are resumed from this one.
    private static void GiveLoginHandle(nint session)
    {
        byte* data;
        nuint length;
        if (OpenSsl.SSL_SESSION_get0_ticket_appdata(session, &data, &length) == 1 && length > 0) return;
        byte* handle = stackalloc byte[LoginDesk.HandleBytes];
        if (OpenSsl.RAND_bytes(handle, LoginDesk.HandleBytes) == 1) OpenSsl.SSL_SESSION_set1_ticket_appdata(session, handle, LoginDesk.HandleBytes); // else: the client logs in anew each time
    }

    // A session stands for the certificate that its client showed when it began: it ends with it.
    private static bool IsGood(TlsServer server, nint session)
    {
        nint certificate = server.Contexts.Settings.ClientCertificates == ClientCertificates.Off ? 0 : OpenSsl.SSL_SESSION_get0_peer(session);
        if (certificate == 0 || server.Contexts.Revoked?.Contains(certificate) != true && OpenSsl.X509_cmp_current_time(OpenSsl.X509_get0_notAfter(certificate)) > 0) return true;
        server.Counters.MissedCertificate++;
        return false;
    }

    private static bool IsFresh(TlsSessions sessions, TlsServer server, nint session, ReadOnlySpan<byte> id)
    {
        if (!server.Contexts.Settings.SingleUse || OpenSsl.SSL_SESSION_get_protocol_version(session) != OpenSsl.Tls13 || sessions.TrySpend(id)) return true;
        server.Counters.MissedSpent++;
        return false;
    }

    [UnmanagedCallersOnly]
    private static int OnTicket(nint connection, byte* name, byte* vector, nint cipher, nint mac, int seals)
    {
        TlsServer server = TlsConnection.Current.Server!;
        if (seals != 0) return server.Keys.Seal(name, vector, cipher, mac);
        int outcome = server.Keys.Open(name, vector, cipher, mac);
        if (outcome == 0) server.Counters.MissedKey++;
        return outcome;
    }

    [UnmanagedCallersOnly]
    private static void OnInformation(nint connection, int where, int value)
    {
        if (where != AlertWritten || value != NoRenegotiationAlert) return;
        TlsConnection.Current.WantsRenegotiation = true;
        if (TlsConnection.Current.Server is { } server) server.Counters.Renegotiations++;
    }
}

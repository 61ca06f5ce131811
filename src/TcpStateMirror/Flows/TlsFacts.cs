using Appliance.TcpStateMirror.Packets;

namespace Appliance.TcpStateMirror.Flows;

/// <summary>What the plain part of a TLS handshake tells of a connection. Not thread-safe.</summary>
public sealed class TlsFacts
{
    private const int MaxSessionIdBytes = 32, MaxNameBytes = 255, MaxProtocolsBytes = 8192, MaxTicketBytes = 8192;

    private readonly TlsField _clientSessionId = new(MaxSessionIdBytes), _serverSessionId = new(MaxSessionIdBytes), _serverName = new(MaxNameBytes),
        _offeredProtocols = new(MaxProtocolsBytes), _protocol = new(MaxNameBytes), _offeredTicket = new(MaxTicketBytes), _pskIdentity = new(MaxTicketBytes), _newTicket = new(MaxTicketBytes);

    /// <summary>A whole ClientHello was read.</summary>
    public bool HasClientHello { get; private set; }

    /// <summary>A whole ServerHello was read.</summary>
    public bool HasServerHello { get; private set; }

    /// <summary>The server asked for a second ClientHello.</summary>
    public bool WasRetried { get; private set; }

    /// <summary>The newest version that the client offers, as on the wire (0x0304 is TLS 1.3).</summary>
    public ushort OfferedVersion { get; private set; }

    /// <summary>The version that the connection speaks; 0 until the ServerHello.</summary>
    public ushort Version { get; private set; }

    /// <summary>The cipher suite that the connection speaks; 0 until the ServerHello.</summary>
    public ushort CipherSuite { get; private set; }

    /// <summary>The session goes on from an earlier one; null while that is not known.</summary>
    public bool? Resumed { get; private set; }

    /// <summary>Lifetime hint of <see cref="NewTicket"/>, in seconds.</summary>
    public uint NewTicketLifetimeSeconds { get; private set; }

    /// <summary>Name of <see cref="Version"/>, its number when it has none; empty until the ServerHello.</summary>
    public string VersionName => HasServerHello ? TlsVersions.NameOf(Version) ?? $"0x{Version:x4}" : "";

    /// <summary>Name of <see cref="OfferedVersion"/>, its number when it has none; empty without a ClientHello.</summary>
    public string OfferedVersionName => HasClientHello ? TlsVersions.NameOf(OfferedVersion) ?? $"0x{OfferedVersion:x4}" : "";

    /// <summary>Registered name of <see cref="CipherSuite"/>, its number when it is not in common use; empty until the ServerHello.</summary>
    public string CipherName => HasServerHello ? CipherSuites.NameOf(CipherSuite) ?? $"0x{CipherSuite:x4}" : "";

    /// <summary>Session id of the ClientHello.</summary>
    public ReadOnlySpan<byte> ClientSessionId => _clientSessionId.Value;

    /// <summary>Session id of the ServerHello.</summary>
    public ReadOnlySpan<byte> ServerSessionId => _serverSessionId.Value;

    /// <summary>The server name that the client asks for.</summary>
    public ReadOnlySpan<byte> ServerName => _serverName.Value;

    /// <summary>Protocols that the client offers, each behind a byte with its length.</summary>
    public ReadOnlySpan<byte> OfferedProtocols => _offeredProtocols.Value;

    /// <summary>The protocol that the server chose in plain (TLS 1.2 and before).</summary>
    public ReadOnlySpan<byte> Protocol => _protocol.Value;

    /// <summary>The session ticket that the client offers (TLS 1.2 and before).</summary>
    public ReadOnlySpan<byte> OfferedTicket => _offeredTicket.Value;

    /// <summary>The first pre-shared key identity that the client offers (TLS 1.3).</summary>
    public ReadOnlySpan<byte> PskIdentity => _pskIdentity.Value;

    /// <summary>The session ticket that the server issues in plain (TLS 1.2 and before).</summary>
    public ReadOnlySpan<byte> NewTicket => _newTicket.Value;

    internal void Take(ClientHelloView hello)
    {
        HasClientHello = true;
        OfferedVersion = hello.NewestVersion;
        _clientSessionId.Set(hello.SessionId);
        _serverName.Set(hello.ServerName);
        _offeredProtocols.Set(hello.ApplicationProtocols);
        _offeredTicket.Set(hello.SessionTicket);
        _pskIdentity.Set(hello.PskIdentity);
    }

    internal void Take(ServerHelloView hello)
    {
        WasRetried |= hello.IsRetryRequest;
        if (hello.IsRetryRequest) return;
        HasServerHello = true;
        Version = hello.Version;
        CipherSuite = hello.CipherSuite;
        _serverSessionId.Set(hello.SessionId);
        _protocol.Set(hello.ApplicationProtocol);
        if (Version >= TlsVersions.Tls13) Resumed = hello.AcceptsPsk;
    }

    internal void Take(NewSessionTicketView ticket)
    {
        NewTicketLifetimeSeconds = ticket.LifetimeSeconds;
        _newTicket.Set(ticket.Ticket);
    }

    /// <summary>What followed the ServerHello of TLS 1.2: a certificate or key exchange makes a new session, the change of ciphers a resumed one.</summary>
    internal void TellResumed(bool resumed)
    {
        if (HasServerHello && Resumed is null) Resumed = resumed;
    }

    internal void Clear()
    {
        (HasClientHello, HasServerHello, WasRetried, Resumed) = (false, false, false, null);
        (OfferedVersion, Version, CipherSuite, NewTicketLifetimeSeconds) = (0, 0, 0, 0);
        _clientSessionId.Clear();
        _serverSessionId.Clear();
        _serverName.Clear();
        _offeredProtocols.Clear();
        _protocol.Clear();
        _offeredTicket.Clear();
        _pskIdentity.Clear();
        _newTicket.Clear();
    }
}

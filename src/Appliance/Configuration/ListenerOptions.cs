using System.Net;
using System.Net.Sockets;
using Appliance.Listeners.Connections;

namespace Appliance.Configuration;

/// <summary>What a listener speaks.</summary>
public enum ListenerType
{
    /// <summary>The Redis protocol.</summary>
    Resp,

    /// <summary>TCP, passed on to a pool.</summary>
    Relay,

    /// <summary>TLS, terminated here; what is inside is passed on to a pool as by a relay.</summary>
    Tls,
}

/// <summary>Which addresses a listener has.</summary>
public enum ListenerBinding
{
    /// <summary>The service's virtual addresses.</summary>
    Service,

    /// <summary>The node's own addresses.</summary>
    Node,

    /// <summary>Both.</summary>
    Both,
}

/// <summary>What outlives the node that has it.</summary>
public enum Survival
{
    /// <summary>A connection ends with its node.</summary>
    No,

    /// <summary>Established connections go on at the node that takes the service over.</summary>
    Connections,
}

/// <summary>[listener NAME] of appliance.conf: a door into a service.</summary>
public sealed record ListenerOptions
{
    /// <summary>The listener's name, from the section's header.</summary>
    [SectionName]
    public string Name { get; init; } = "";

    /// <summary>The service that it opens. No default.</summary>
    public string Service { get; init; } = "";

    /// <summary>What it speaks. The only one that needs no further settings.</summary>
    public ListenerType Type { get; init; } = ListenerType.Resp;

    /// <summary>relay: the [backend] that connections are passed to. No default.</summary>
    [Reloadable]
    public string Backend { get; init; } = "";

    /// <summary>Where it listens. Service: what is asked of a node's own address would miss the primary after a takeover.</summary>
    public ListenerBinding Bind { get; init; } = ListenerBinding.Service;

    /// <summary>The node's own addresses for <c>bind = node</c> and <c>both</c>. Empty: this member's address on the synchronisation network.</summary>
    [NodeLocal]
    public IReadOnlyList<IPAddress> NodeAddresses { get; init; } = [];

    /// <summary>TCP port. 6379: what Redis clients try first.</summary>
    public int Port { get; init; } = 6379;

    /// <summary>File with the password that clients must send (AUTH), readable by the owner only. Empty: none is asked for.</summary>
    [NodeLocal]
    public string PasswordFile { get; init; } = "";

    /// <summary>Most clients at once; one more is closed, and told why where the protocol can say it. 10000: Redis' own default.</summary>
    public int MaxClients { get; init; } = 10000;

    /// <summary>relay: most connections of one client at once, an IPv6 client being a /64; 0 for no limit. 1000: a tenth of all, so that one address cannot shut out the others.</summary>
    [Reloadable]
    public int MaxPerSource { get; init; } = 1000;

    /// <summary>relay: networks whose connections begin with a PROXY protocol header that says who the client is; connections from elsewhere are then closed. None: anybody could claim to be anybody.</summary>
    [Reloadable]
    public IReadOnlyList<IPNetwork> TrustProxy { get; init; } = [];

    /// <summary>relay: a trusted source that has not sent its PROXY header after this time is closed. 3 s: as HAProxy recommends, one lost packet is sent again by then.</summary>
    [Reloadable]
    public TimeSpan ProxyTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>relay: after one side has ended its direction, the connection is closed when nothing moves for so long; 0 for never. 5 min: a server may compute for long after a request has ended.</summary>
    [Reloadable]
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Most bytes of one command. 4 MiB: eight of the largest values.</summary>
    public ByteSize MaxCommand { get; init; } = ByteSize.OfMebibytes(4);

    /// <summary>Most bytes of one reply. 64 MiB: a hash that is larger is read field by field.</summary>
    public ByteSize MaxReply { get; init; } = ByteSize.OfMebibytes(64);

    /// <summary>While a client has left so many bytes of replies unread, no more of its commands are read. 1 MiB: some thousand replies of a pipeline.</summary>
    public ByteSize ReplyBuffer { get; init; } = ByteSize.OfMebibytes(1);

    /// <summary>Replies of one client that may wait for acknowledgement; then its further commands wait unread. 4096: a hundred thousand writes per second for 40 ms.</summary>
    public int MaxPipeline { get; init; } = 4096;

    /// <summary>Most bytes in the buffers of all clients together; a client whose buffer would pass it is closed. 256 MiB: clients that do not read must not cost the state its memory.</summary>
    public ByteSize ClientMemory { get; init; } = ByteSize.OfMebibytes(256);

    /// <summary>A client that says nothing (relay: neither side) for so long is closed; 0 for never. Never: session stores keep idle connections in their pools; a peer that has vanished is found by keep-alive.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.Zero;

    /// <summary>relay: whether established connections go on when the node that carries them dies (docs/takeover.md). No: it costs a part of the throughput, and root's rights on the packet filter.</summary>
    public Survival Survive { get; init; } = Survival.No;

    /// <summary>survive: what happens while no other node is there to go on. Accept: service without protection is better than none; status says so.</summary>
    public WhenShort WhenShort { get; init; } = WhenShort.Accept;

    /// <summary>survive: most bytes of all connections that are kept, on every node, for whoever goes on with them; beyond three quarters new connections are not protected. 512 MiB: a thousand busy connections.</summary>
    public ByteSize SurviveMemory { get; init; } = ByteSize.OfMebibytes(512);

    /// <summary>survive: addresses of the service from which servers are reached, one of a family. Empty: the service's first of the server's family.</summary>
    public IReadOnlyList<IPAddress> Source { get; init; } = [];

    /// <summary>tls: PEM files with a certificate, its chain and its key; the key may stand in FILE.key, an OCSP response (DER) in FILE.ocsp. The first is for clients that name no known server.</summary>
    [NodeLocal, Reloadable]
    public IReadOnlyList<string> Certificates { get; init; } = [];

    /// <summary>tls: oldest version accepted. 1.2: what is older is deprecated (RFC 8996).</summary>
    [Reloadable]
    public TlsVersion MinVersion { get; init; } = TlsVersion.Tls12;

    /// <summary>tls: newest version accepted.</summary>
    [Reloadable]
    public TlsVersion MaxVersion { get; init; } = TlsVersion.Tls13;

    /// <summary>tls: ciphers of TLS 1.2 as openssl-ciphers(1) writes them. Only such as keep former connections secret when the key is stolen, and authenticate what they encrypt (RFC 9325, 4.2).</summary>
    [Reloadable]
    public string Ciphers { get; init; } = DefaultCiphers;

    /// <summary>tls: ciphers of TLS 1.3.</summary>
    [Reloadable]
    public string CipherSuites { get; init; } = DefaultCipherSuites;

    /// <summary>tls: groups of the key exchange. X25519 is the fastest that clients know.</summary>
    [Reloadable]
    public string Groups { get; init; } = DefaultGroups;

    /// <summary>tls: protocols offered by ALPN, preferred ones first; a client that offers only others is refused. h2 only where the servers speak it. Empty: ALPN is not answered.</summary>
    [Reloadable]
    public IReadOnlyList<string> Alpn { get; init; } = ["http/1.1"];

    /// <summary>tls: whether clients show certificates.</summary>
    [Reloadable]
    public ClientCertificates ClientCertificates { get; init; } = ClientCertificates.Off;

    /// <summary>tls: PEM file of those who may sign clients' certificates.</summary>
    [NodeLocal, Reloadable]
    public string ClientCa { get; init; } = "";

    /// <summary>tls: PEM file with their lists of revoked certificates. Empty: none is asked.</summary>
    [NodeLocal, Reloadable]
    public string ClientCrl { get; init; } = "";

    /// <summary>tls: a client whose handshake is not done after this time is closed. 10 s: three lost packets in a row are sent again by then.</summary>
    [Reloadable]
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>tls: most handshakes under way at once. 1000: half-open ones cost some 40 KiB each.</summary>
    [Reloadable]
    public int MaxHandshakes { get; init; } = 1000;

    /// <summary>tls: of one client; 0 for no limit. 100: a tenth of all, so that one address cannot shut out the others.</summary>
    [Reloadable]
    public int MaxHandshakesPerSource { get; init; } = 100;

    /// <summary>tls: how clients resume their sessions at whichever node. Both: tickets cost the mirror nothing per session, ids are for TLS 1.2 clients that take none.</summary>
    public Resumption Resumption { get; init; } = Resumption.Both;

    /// <summary>tls: how long a session may be resumed. 2 h: a visit; RFC 8446 (4.6.1) allows a week, but who steals the keys could read back so far.</summary>
    [Reloadable]
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(2);

    /// <summary>tls: the primary makes a new ticket key when the newest is so old; old ones open for another session-lifetime. 12 h: two a day.</summary>
    [Reloadable]
    public TimeSpan TicketRotation { get; init; } = TimeSpan.FromHours(12);

    /// <summary>tls: whether the HTTP/1.1 inside is looked at, and each request told whom it is for (X-Forwarded-For, X-Forwarded-Proto). Off: what is inside need not be HTTP.</summary>
    [Reloadable]
    public Forwarded Forwarded { get; init; } = Forwarded.Off;

    /// <summary>tls: a request's head that is not there so long after it has begun ends its connection (408). 10 s: as for handshakes.</summary>
    [Reloadable]
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>tls: longest head of a request (431). 32 KiB: four times what servers accept by default.</summary>
    [Reloadable]
    public ByteSize MaxRequestHead { get; init; } = ByteSize.OfKibibytes(32);

    /// <summary>tls: file with those who may log in by HTTP Basic or Bearer, as <c>appliance credential</c> makes its lines. Empty: nobody is asked.</summary>
    [NodeLocal, Reloadable]
    public string CredentialsFile { get; init; } = "";

    /// <summary>tls: after this time a user is asked again. 12 h: a working day.</summary>
    [Reloadable]
    public TimeSpan LoginLifetime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>tls: a TLS 1.3 session is resumed once at most (RFC 8446, C.4); only with resumption = ids. False: clients that connect twice at once would make full handshakes.</summary>
    [Reloadable]
    public bool SingleUse { get; init; }

    /// <summary>Sessions are kept by id.</summary>
    internal bool KeepsIds => Type == ListenerType.Tls && Resumption is (Resumption.Ids or Resumption.Both);

    /// <summary>Sessions are sealed into tickets.</summary>
    internal bool UsesTickets => Type == ListenerType.Tls && Resumption is (Resumption.Tickets or Resumption.Both);

    internal const string DefaultCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
    internal const string DefaultCipherSuites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    internal const string DefaultGroups = "X25519:P-256:P-384";

    /// <summary>Its connections outlive their node.</summary>
    internal bool Survives => Survive == Survival.Connections;

    /// <summary>The floating address from which servers of a family are reached; null when there is none.</summary>
    internal IPAddress? SourceFor(AddressFamily family, ServiceOptions service) =>
        (Source.Count > 0 ? Source : service.Addresses).FirstOrDefault(address => address.AddressFamily == family);

    /// <summary>Its connections are passed on to a pool.</summary>
    internal bool IsRelay => Type is ListenerType.Relay or ListenerType.Tls;

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Service.Length == 0) yield return new("service", "is missing: name the [service] that this listener opens");
        if (Port is < 1 or > 65535) yield return new("port", $"{Port} is no port: 1 to 65535");
        if (MaxClients is < 1 or > 1_000_000) yield return new("max-clients", $"{MaxClients} must be from 1 to 1000000");
        if (IsRelay && Backend.Length == 0) yield return new("backend", "is missing: name the [backend] that connections are passed to");
        if (!IsRelay && Backend.Length > 0) yield return new("backend", $"only relay and tls pass connections on: this is a {SettingReader.Format(Type)} listener");
        if (MaxPerSource is < 0 or > 1_000_000) yield return new("max-per-source", $"{MaxPerSource} must be from 0 to 1000000");
        if (ProxyTimeout < TimeSpan.FromMilliseconds(10) || ProxyTimeout > TimeSpan.FromMinutes(1)) yield return new("proxy-timeout", $"{Duration.Format(ProxyTimeout)} must be from 10ms to 1min");
        if (Type == ListenerType.Relay && ClientMemory.Bytes < ConnectionMemory.RequiredBytes(MaxClients))
            yield return new("client-memory", $"{ClientMemory} must be at least {ConnectionMemory.RequiredBytes(MaxClients) >> 10}KiB: {ConnectionMemory.SmallestReadBytes} bytes for each direction of max-clients ({MaxClients})");
        if (Type == ListenerType.Tls && ClientMemory.Bytes < ConnectionMemory.RequiredBytes(2 * MaxClients))
            yield return new("client-memory", $"{ClientMemory} must be at least {ConnectionMemory.RequiredBytes(2 * MaxClients) >> 10}KiB: {2 * ConnectionMemory.SmallestReadBytes} bytes for each direction of max-clients ({MaxClients})");
        foreach (SettingProblem problem in ValidateTls().Concat(ValidateSurvival())) yield return problem;
        if (MaxPipeline is < 1 or > 1_000_000) yield return new("max-pipeline", $"{MaxPipeline} must be from 1 to 1000000");
        if (MaxCommand < ByteSize.OfKibibytes(16) || MaxCommand > ByteSize.OfGibibytes(1)) yield return new("max-command", $"{MaxCommand} must be from 16KiB to 1GiB");
        if (MaxReply < ByteSize.OfKibibytes(16) || MaxReply > ByteSize.OfGibibytes(1)) yield return new("max-reply", $"{MaxReply} must be from 16KiB to 1GiB");
        if (ReplyBuffer < ByteSize.OfKibibytes(4) || ReplyBuffer > ByteSize.OfGibibytes(1)) yield return new("reply-buffer", $"{ReplyBuffer} must be from 4KiB to 1GiB");
        if (ClientMemory.Bytes < 2 * MaxCommand.Bytes) yield return new("client-memory", $"{ClientMemory} must be at least twice max-command ({MaxCommand}): one client must not shut out all others");
        if (PasswordFile.Length > 0 && !Path.IsPathRooted(PasswordFile)) yield return new("password-file", $"'{PasswordFile}' must be an absolute path: the directory in which the program is started is chance");
        if (NodeAddresses.Any(static address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)))
            yield return new("node-addresses", "a wildcard would also listen on the virtual addresses of other services: name the addresses");
    }

    private IEnumerable<SettingProblem> ValidateSurvival()
    {
        if (!Survives)
        {
            if (Source.Count > 0) yield return new("source", "is used with 'survive = connections' only");
            yield break;
        }
        if (Type != ListenerType.Relay) yield return new("survive", $"only a relay's connections survive so far: this is a {SettingReader.Format(Type)} listener, whose sessions clients resume");
        if (Bind == ListenerBinding.Node) yield return new("survive", "needs addresses that move: 'bind = node' listens on this node's own only");
        if (TrustProxy.Count > 0) yield return new("survive", "does not go with trust-proxy yet: connections that begin with a PROXY header end with their node");
        if (SurviveMemory < ByteSize.OfMebibytes(16) || SurviveMemory > ByteSize.OfGibibytes(256)) yield return new("survive-memory", $"{SurviveMemory} must be from 16MiB to 256GiB");
    }

    private IEnumerable<SettingProblem> ValidateTls()
    {
        if (Type == ListenerType.Tls && Certificates.Count == 0) yield return new("certificates", "is missing: name a PEM file with a certificate, its chain and its key");
        if (Type != ListenerType.Tls && Certificates.Count > 0) yield return new("certificates", $"only tls has certificates: this is a {SettingReader.Format(Type)} listener");
        if (Certificates.Count > 1000) yield return new("certificates", $"names {Certificates.Count} files: at most 1000");
        foreach (string path in Certificates.Where(static path => !Path.IsPathRooted(path))) yield return new("certificates", $"'{path}' must be an absolute path");
        if (MinVersion > MaxVersion) yield return new("min-version", $"{SettingReader.Format(MinVersion)} is newer than max-version ({SettingReader.Format(MaxVersion)})");
        if (Alpn.FirstOrDefault(static protocol => protocol.Length > 255) is not null) yield return new("alpn", "a protocol's name has at most 255 characters");
        if (ClientCertificates != ClientCertificates.Off && ClientCa.Length == 0) yield return new("client-ca", "is missing: client-certificates needs to know who may sign them");
        if (ClientCa.Length > 0 && !Path.IsPathRooted(ClientCa)) yield return new("client-ca", $"'{ClientCa}' must be an absolute path");
        if (ClientCrl.Length > 0 && !Path.IsPathRooted(ClientCrl)) yield return new("client-crl", $"'{ClientCrl}' must be an absolute path");
        if (HandshakeTimeout < TimeSpan.FromMilliseconds(100) || HandshakeTimeout > TimeSpan.FromMinutes(1)) yield return new("handshake-timeout", $"{Duration.Format(HandshakeTimeout)} must be from 100ms to 1min");
        if (SessionLifetime < TimeSpan.FromSeconds(1) || SessionLifetime > TimeSpan.FromDays(7)) yield return new("session-lifetime", $"{Duration.Format(SessionLifetime)} must be from 1s to 7d (RFC 8446, 4.6.1)");
        if (TicketRotation < TimeSpan.FromSeconds(10) || TicketRotation > TimeSpan.FromDays(30)) yield return new("ticket-rotation", $"{Duration.Format(TicketRotation)} must be from 10s to 30d");
        // A record holds 16 keys (TicketKeysView.MaxKeys): those that can still open a ticket must fit.
        if (UsesTickets && SessionLifetime > TicketRotation * 12) yield return new("ticket-rotation", $"{Duration.Format(TicketRotation)} must be at least a twelfth of session-lifetime ({Duration.Format(SessionLifetime)}): more keys would have to be kept than there is room for");
        if (Forwarded != Forwarded.Off && Type != ListenerType.Tls) yield return new("forwarded", $"only tls looks into HTTP: this is a {SettingReader.Format(Type)} listener; send-proxy of the [backend] tells its servers");
        if (Forwarded != Forwarded.Off && Alpn.Contains("h2")) yield return new("forwarded", "requests of HTTP/2 cannot be looked at: take h2 out of alpn, or use send-proxy of the [backend]");
        if (CredentialsFile.Length > 0 && Forwarded == Forwarded.Off) yield return new("credentials-file", "needs forwarded = replace or append: logins are looked for in requests, and servers are told of them");
        if (CredentialsFile.Length > 0 && !Path.IsPathRooted(CredentialsFile)) yield return new("credentials-file", $"'{CredentialsFile}' must be an absolute path");
        if (LoginLifetime < TimeSpan.FromSeconds(1) || LoginLifetime > TimeSpan.FromDays(30)) yield return new("login-lifetime", $"{Duration.Format(LoginLifetime)} must be from 1s to 30d");
        if (SingleUse && Resumption != Resumption.Ids) yield return new("single-use", "needs resumption = ids: nobody knows which tickets were used");
        if (RequestTimeout < TimeSpan.FromMilliseconds(100) || RequestTimeout > TimeSpan.FromMinutes(10)) yield return new("request-timeout", $"{Duration.Format(RequestTimeout)} must be from 100ms to 10min");
        if (MaxRequestHead < ByteSize.OfKibibytes(1) || MaxRequestHead > ByteSize.OfKibibytes(64)) yield return new("max-request-head", $"{MaxRequestHead} must be from 1KiB to 64KiB");
        if (MaxHandshakes is < 1 or > 1_000_000) yield return new("max-handshakes", $"{MaxHandshakes} must be from 1 to 1000000");
        if (MaxHandshakesPerSource is < 0 or > 1_000_000) yield return new("max-handshakes-per-source", $"{MaxHandshakesPerSource} must be from 0 to 1000000");
    }
}

using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Connections;
using Appliance.Listeners.Http;
using Appliance.Listeners.Relay;
using Appliance.Multicast.Transport;

namespace Appliance.Listeners.Tls;

/// <summary>The TLS of one listener: the contexts in force, its limits, its counters. Loop thread, or any thread before the loop runs.</summary>
internal sealed class TlsServer : IDisposable
{
    private readonly SourceCounts _sources = new();
    private readonly TlsRevocations? _revocations;
    private readonly ServiceClock? _clock;

    /// <param name="contexts">Belong to it from now on.</param>
    /// <param name="sessions">The service's sessions; null where none are kept by id.</param>
    /// <param name="revocations">The service's revoked identities; null where there is no service.</param>
    /// <param name="clock">The service's clock; null for this machine's.</param>
    /// <param name="logins">Where users log in; null where the settings ask nobody.</param>
    internal TlsServer(TlsContexts contexts, TlsSessions? sessions = null, TlsRevocations? revocations = null, ServiceClock? clock = null, LoginDesk? logins = null)
    {
        _clock = clock;
        Logins = logins;
        Contexts = contexts;
        Sessions = sessions;
        _revocations = revocations;
    }

    /// <summary>Where users log in.</summary>
    internal LoginDesk? Logins { get; }

    /// <summary>The service's wall time in milliseconds since the Unix epoch.</summary>
    internal long NowMilliseconds => _clock?.NowMilliseconds ?? EventLoop.ReadWallClock();

    /// <summary>Sessions that are kept by id.</summary>
    internal TlsSessions? Sessions { get; }

    /// <summary>What seals tickets.</summary>
    internal TicketKeys Keys { get; private set; } = TicketKeys.Random();

    /// <summary>For handshakes from now on.</summary>
    internal TlsContexts Contexts { get; private set; }

    /// <summary>What was counted so far.</summary>
    internal TlsCounters Counters { get; } = new();

    /// <summary>Where connections put what they are about to send; one for all, for nothing stays in it.</summary>
    internal TlsOutput Output { get; } = new();

    /// <summary>Puts others in force; connections keep those that they began with.</summary>
    internal void Use(TlsContexts contexts)
    {
        TlsContexts before = Contexts;
        Contexts = contexts;
        before.Dispose();
    }

    /// <summary>Puts other ticket keys in force, which belong to it from now on.</summary>
    internal void Use(TicketKeys keys)
    {
        Keys.Dispose();
        Keys = keys;
    }

    /// <summary>Counts a handshake that begins; false, with nothing done, when there are too many.</summary>
    internal bool TryBegin(in SocketAddressBytes client)
    {
        if (Counters.Handshaking >= Contexts.Settings.MaxHandshakes || !_sources.TryAdd(client, Contexts.Settings.MaxHandshakesPerSource)) return false;
        Counters.Handshaking++;
        return true;
    }

    /// <summary>A handshake that began has ended, well or not.</summary>
    internal void End(in SocketAddressBytes client)
    {
        Counters.Handshaking--;
        _sources.Remove(client);
    }

    /// <summary>Whether a client whose handshake is done may go on: it is who it was, and nobody has revoked that.</summary>
    internal bool Admits(TlsConnection connection) =>
        Contexts.Settings.ClientCertificates == ClientCertificates.Off || !IsRevoked(TlsIdentity.Of(connection.Pointer));

    /// <summary>An identity was logged out, at whichever node. Allocates nothing.</summary>
    internal bool IsRevoked(ReadOnlySpan<byte> identity) => _revocations is not null && _revocations.Contains(identity, NowMilliseconds);

    /// <summary>What looks at the requests of a client whose handshake is done.</summary>
    /// <param name="connection">Its own.</param>
    /// <param name="memory">That of the connection.</param>
    /// <param name="client">Whom the requests are for.</param>
    /// <param name="goesOn">Called when requests that had to wait can be received.</param>
    internal HttpFront OpenHttp(TlsConnection connection, ConnectionMemory memory, in SocketAddressBytes client, Action goesOn)
    {
        HttpRules rules = Contexts.Settings.Http;
        byte[] fields = HttpClientFields.Of(client);
        HttpLogin? login = Contexts.Credentials is null ? null : new HttpLogin(this, Logins!, rules, client, connection.LoginHandle(), fields, goesOn);
        return new HttpFront(connection, memory, rules, fields, Counters, login);
    }

    /// <summary>TLS over an accepted connection.</summary>
    /// <exception cref="OpenSslException">Out of memory.</exception>
    internal TlsConnection Accept(TcpConnection socket, ConnectionMemory memory) => new(socket, memory, Output, Contexts.Default, this);

    /// <inheritdoc/>
    public void Dispose()
    {
        Contexts.Dispose();
        Keys.Dispose();
        Output.Dispose();
    }
}

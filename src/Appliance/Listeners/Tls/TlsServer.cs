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

    /// <param name="contexts">Belong to it from now on.</param>
    /// <param name="sessions">The service's sessions; null where none are kept by id.</param>
    /// <param name="revocations">The service's revoked identities; null where there is no service.</param>
    internal TlsServer(TlsContexts contexts, TlsSessions? sessions = null, TlsRevocations? revocations = null)
    {
        Contexts = contexts;
        Sessions = sessions;
        _revocations = revocations;
    }

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
        _revocations is null || Contexts.Settings.ClientCertificates == ClientCertificates.Off || !_revocations.Contains(TlsIdentity.Of(connection.Pointer), EventLoop.ReadWallClock());

    /// <summary>What looks at the requests of a client whose handshake is done; null where bytes pass as they are.</summary>
    internal HttpFront? TryOpenHttp(TlsConnection connection, ConnectionMemory memory, in SocketAddressBytes client)
    {
        HttpRules rules = Contexts.Settings.Http;
        return rules.IsNeeded ? new HttpFront(connection, memory, rules, HttpClientFields.Of(client), Counters) : null;
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

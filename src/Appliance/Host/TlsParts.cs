using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Http;
using Appliance.Listeners.Tls;
using Appliance.Multicast.Transport;
using Appliance.State;

namespace Appliance.Host;

/// <summary>What the TLS listeners of a node share with its state: sessions, ticket keys. Put together before the loops turn, taken apart after they have stopped.</summary>
internal sealed class TlsParts : IDisposable
{
    private readonly EventLoop _stateLoop;
    private readonly Func<string, ServiceStore> _stores;
    private readonly List<TlsSessions> _sessions = [];
    private readonly List<LoginDesk> _desks = [];
    private readonly Dictionary<string, ServiceClock> _clocks = [];
    private readonly Dictionary<string, TicketKeyKeeper> _keepers = [];

    /// <param name="stateLoop">The loop of the stores.</param>
    /// <param name="stores">The store of a service.</param>
    internal TlsParts(EventLoop stateLoop, Func<string, ServiceStore> stores)
    {
        _stateLoop = stateLoop;
        _stores = stores;
    }

    /// <summary>The TLS of a listener.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal TlsServer Open(ListenerOptions options, EventLoop relayLoop)
    {
        ServiceStore store = _stores(options.Service);
        TlsSessions? sessions = null;
        if (options.KeepsIds) _sessions.Add(sessions = new TlsSessions(_stateLoop, store, store.Tables.Keys));
        if (!_clocks.TryGetValue(options.Service, out ServiceClock? clock)) _clocks.Add(options.Service, clock = new ServiceClock(_stateLoop, store));
        var desk = new LoginDesk(_stateLoop, relayLoop, store, store.Tables.Keys, clock);
        _desks.Add(desk);
        var server = new TlsServer(Load(options), sessions, new TlsRevocations(store.Tables.Keys), clock, desk);
        if (!options.UsesTickets) return server;
        if (!_keepers.TryGetValue(options.Service, out TicketKeyKeeper? keeper)) _keepers.Add(options.Service, keeper = new TicketKeyKeeper(_stateLoop, store));
        keeper.Users.Add(keys => relayLoop.Post(() => server.Use(keys)));
        keeper.Use(options);
        return server;
    }

    /// <summary>Puts changed settings in force. Loop of the state.</summary>
    internal void Use(ApplianceConfiguration configuration)
    {
        foreach (ListenerOptions options in configuration.Listeners.Where(static options => options.UsesTickets))
            if (_keepers.TryGetValue(options.Service, out TicketKeyKeeper? keeper)) keeper.Use(options);
    }

    /// <summary>Makes new ticket keys. Loop of the state.</summary>
    /// <returns>Why not; null when it was done.</returns>
    internal string? Rotate(string service)
    {
        if (service.Length == 0 && _keepers.Count == 1) return _keepers.Values.First().Rotate();
        return _keepers.TryGetValue(service, out TicketKeyKeeper? keeper) ? keeper.Rotate()
            : _keepers.Count == 0 ? "no listener here uses tickets" : $"name the service whose keys are to be changed: {string.Join(' ', _keepers.Keys)}";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LoginDesk desk in _desks) desk.Dispose();
        foreach (TlsSessions sessions in _sessions) sessions.Dispose();
        foreach (TicketKeyKeeper keeper in _keepers.Values) keeper.Dispose();
    }

    /// <summary>How a pool's servers are spoken to; null without TLS. Any thread.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal static TlsClient? Load(BackendOptions options)
    {
        if (options.Tls == BackendTls.No) return null;
        try
        {
            OpenSslException.CheckLibrary();
            return TlsClient.Load(options.Tls == BackendTls.Verified, options.TlsName, options.TlsCa);
        }
        catch (OpenSslException error)
        {
            throw new NodeStartException($"[backend {options.Name}] {error.Message}", error);
        }
    }

    /// <summary>Reads a listener's files and prepares OpenSSL. Any thread.</summary>
    /// <exception cref="NodeStartException">With a reason that the operator can mend.</exception>
    internal static TlsContexts Load(ListenerOptions options)
    {
        try
        {
            OpenSslException.CheckLibrary();
            return TlsContexts.Load(Settings(options));
        }
        catch (Exception error) when (error is InvalidDataException or OpenSslException)
        {
            throw new NodeStartException($"[listener {options.Name}] {error.Message}", error);
        }
    }

    private static TlsSettings Settings(ListenerOptions options) => new()
    {
        Certificates = options.Certificates,
        SessionContext = $"{options.Service}/{options.Name}",
        MinVersion = options.MinVersion,
        MaxVersion = options.MaxVersion,
        Ciphers = options.Ciphers,
        CipherSuites = options.CipherSuites,
        Groups = options.Groups,
        Alpn = options.Alpn,
        ClientCertificates = options.ClientCertificates,
        ClientCa = options.ClientCa,
        ClientCrl = options.ClientCrl,
        HandshakeTimeout = options.HandshakeTimeout,
        MaxHandshakes = options.MaxHandshakes,
        MaxHandshakesPerSource = options.MaxHandshakesPerSource,
        Http = new HttpRules { Forwarded = options.Forwarded, MaxHeadBytes = (int)options.MaxRequestHead.Bytes, RequestTimeout = options.RequestTimeout, CredentialsFile = options.CredentialsFile, LoginLifetime = options.LoginLifetime },
        Resumption = options.Resumption,
        SingleUse = options.SingleUse,
        SessionLifetime = options.SessionLifetime,
    };
}

namespace Appliance.Admin;

/// <summary>Relays and pools of a node at one instant, gathered on their loop.</summary>
/// <param name="Relays">The relay listeners in the order of the configuration.</param>
/// <param name="Backends">The pools in the order of the configuration.</param>
/// <param name="Tls">The TLS of those that terminate it.</param>
/// <param name="Unhealthy">Services whose check fails here, with the reason.</param>
/// <param name="AddressTroubles">What address commands have not done, a sentence each.</param>
internal sealed record RelayReport(IReadOnlyList<RelayStatus> Relays, IReadOnlyList<BackendStatus> Backends, IReadOnlyList<TlsStatus> Tls, IReadOnlyDictionary<string, string> Unhealthy, IReadOnlyList<string> AddressTroubles);

/// <summary>A relay listener.</summary>
/// <param name="Name">[listener NAME].</param>
/// <param name="Backend">Its pool.</param>
/// <param name="Addresses">Where it listens, as address:port.</param>
/// <param name="Connections">Open now.</param>
/// <param name="Accepted">Accepted since the node started.</param>
/// <param name="BytesFromClients">Bytes that clients sent, of open connections too.</param>
/// <param name="BytesToClients">Bytes that clients were sent, of open connections too.</param>
internal sealed record RelayStatus(string Name, string Backend, IReadOnlyList<string> Addresses, int Connections, long Accepted, long BytesFromClients, long BytesToClients);

/// <summary>A pool.</summary>
/// <param name="Name">[backend NAME].</param>
/// <param name="Balance">As configured.</param>
/// <param name="Check">As configured.</param>
/// <param name="Refused">Connections that found no server.</param>
/// <param name="Servers">In the order of the configuration.</param>
internal sealed record BackendStatus(string Name, string Balance, string Check, long Refused, IReadOnlyList<ServerStatus> Servers);

/// <summary>A server of a pool.</summary>
/// <param name="Address">address:port; with the pool's name before a slash it is what <c>appliance backend</c> takes.</param>
/// <param name="Weight">Its share.</param>
/// <param name="State"><c>up</c>, <c>down</c>, <c>unknown</c> (no check has ended yet; used), or <c>unchecked</c> (used).</param>
/// <param name="Why">Why its last check failed; null when it was good or there was none.</param>
/// <param name="Draining">It gets no new connections.</param>
/// <param name="Connections">Open now.</param>
/// <param name="Connected">Connections made.</param>
/// <param name="ConnectFailures">Connects that failed.</param>
/// <param name="CheckFailures">Checks that failed.</param>
internal sealed record ServerStatus(string Address, int Weight, string State, string? Why, bool Draining, int Connections, long Connected, long ConnectFailures, long CheckFailures);

/// <summary>What <c>appliance backend</c> did.</summary>
/// <param name="Server">POOL/SERVER.</param>
/// <param name="Draining">It gets no new connections now.</param>
/// <param name="Connections">Connections that it still has.</param>
internal sealed record DrainReport(string Server, bool Draining, int Connections);

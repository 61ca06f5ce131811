using Appliance.Cluster.Health;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.Listeners.Tls;
using Appliance.State;

namespace Appliance.Backends;

/// <summary>
/// A pool of servers and the choice among them. A server is chosen when it is not down, not draining, below its limit, and was not tried for the same
/// connection before. Loop thread.
/// </summary>
internal sealed class BackendPool
{
    private readonly BuzHash _hash;
    private List<PoolServer> _servers = [];
    private int _turn;

    /// <param name="options">Valid.</param>
    /// <param name="hash">Seeded alike on all nodes, so that a client meets the same server after a takeover.</param>
    public BackendPool(BackendOptions options, BuzHash hash)
    {
        _hash = hash;
        Options = options;
        Use(options);
    }

    /// <summary>What is configured now.</summary>
    public BackendOptions Options { get; private set; }

    /// <summary>[backend NAME].</summary>
    public string Name => Options.Name;

    /// <summary>In the order of the configuration.</summary>
    public IReadOnlyList<PoolServer> Servers => _servers;

    /// <summary>Connections that found no server.</summary>
    public long Refused { get; set; }

    /// <summary>Encrypts connections to the servers; null when they are plain.</summary>
    public TlsClient? Tls { get; set; }

    /// <summary>Puts a changed configuration in force. Servers that remain keep their state; connections to those that are gone go on.</summary>
    public void Use(BackendOptions options)
    {
        Options = options;
        var servers = new List<PoolServer>(options.Servers.Count);
        foreach (BackendServer configured in options.Servers)
        {
            PoolServer server = _servers.FirstOrDefault(known => known.EndPoint.Equals(configured.EndPoint)) ?? Create(configured);
            server.Weight = configured.Weight;
            server.Credit = 0;
            servers.Add(server);
        }
        _servers = servers;
        _turn = 0;
    }

    /// <summary>A server by its name; null when there is none.</summary>
    public PoolServer? Find(string name) => _servers.Find(server => server.Name == name);

    /// <summary>Chooses a server for a client and counts the connection; <see cref="Release"/> ends it.</summary>
    /// <param name="client">The client's address; its port does not matter.</param>
    /// <param name="tried">Servers that have failed for this connection; null for none.</param>
    /// <returns>Null when there is none.</returns>
    public PoolServer? Acquire(in SocketAddressBytes client, List<PoolServer>? tried)
    {
        PoolServer? chosen = Options.Balance switch
        {
            Balance.LeastConnections => FewestConnections(tried),
            Balance.Source => BySource(client, tried),
            _ => NextInTurn(tried),
        };
        if (chosen is not null) chosen.Connections++;
        return chosen;
    }

    /// <summary>A connection to the server has ended, or was not made.</summary>
    public static void Release(PoolServer server) => server.Connections--;

    private bool IsUsable(PoolServer server, List<PoolServer>? tried) =>
        server.Health != TargetHealth.Down && !server.IsDraining && (Options.MaxConnections == 0 || server.Connections < Options.MaxConnections) && tried?.Contains(server) != true;

    // Smooth weighted round robin: each gains its weight, the richest is chosen and pays what all have gained, so heavy servers do not come in bursts.
    private PoolServer? NextInTurn(List<PoolServer>? tried)
    {
        PoolServer? chosen = null;
        long total = 0;
        foreach (PoolServer server in _servers)
        {
            if (!IsUsable(server, tried)) continue;
            total += server.Weight;
            server.Credit += server.Weight;
            if (chosen is null || server.Credit > chosen.Credit) chosen = server;
        }
        if (chosen is not null) chosen.Credit -= total;
        return chosen;
    }

    // Among equals the next in turn: else the first would get every connection of a pool at rest.
    private PoolServer? FewestConnections(List<PoolServer>? tried)
    {
        int chosen = -1;
        for (int i = 0; i < _servers.Count; i++)
        {
            int at = (_turn + i) % _servers.Count;
            PoolServer server = _servers[at];
            if (!IsUsable(server, tried)) continue;
            if (chosen < 0 || (long)server.Connections * _servers[chosen].Weight < (long)_servers[chosen].Connections * server.Weight) chosen = at;
        }
        if (chosen < 0) return null;
        _turn = (chosen + 1) % _servers.Count;
        return _servers[chosen];
    }

    // Rendezvous hashing (Thaler and Ravishankar, 1998), weighted: each client ranks all servers; when one goes away only its own clients move.
    private PoolServer? BySource(in SocketAddressBytes client, List<PoolServer>? tried)
    {
        ulong source = _hash.Hash(client.AddressBytes);
        PoolServer? chosen = null;
        double best = double.NegativeInfinity;
        foreach (PoolServer server in _servers)
        {
            if (!IsUsable(server, tried)) continue;
            double unit = ((Mix(source ^ server.Identity) >> 11) + 0.5) * (1.0 / (1UL << 53)); // in (0, 1)
            double score = -server.Weight / Math.Log(unit);
            if (score <= best) continue;
            best = score;
            chosen = server;
        }
        return chosen;
    }

    private PoolServer Create(BackendServer configured)
    {
        Span<byte> key = stackalloc byte[SocketAddressBytes.Capacity];
        SocketAddressBytes address = new(configured.EndPoint);
        address.Bytes.CopyTo(key);
        return new PoolServer(configured.EndPoint, Mix(_hash.Hash(key[..address.Length])));
    }

    // The finaliser of MurmurHash3: every bit of the input changes half of the output's.
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
        x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
        return x ^ (x >> 33);
    }
}

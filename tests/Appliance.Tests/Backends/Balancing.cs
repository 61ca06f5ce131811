using System.Net;
using Appliance.Backends;
using Appliance.Cluster.Health;
using Appliance.Configuration;
using Appliance.Interop;
using Appliance.State;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Backends;

public sealed class Balancing
{
    private const int Clients = 10_000;

    [Fact]
    public void Round_robin_takes_each_in_turn_by_its_weight()
    {
        BackendPool pool = Pool(Balance.RoundRobin, "10.0.0.1:80*3 10.0.0.2:80 10.0.0.3:80");

        string order = string.Concat(Enumerable.Range(0, 10).Select(i => Choose(pool, Client(i)).EndPoint.Address.GetAddressBytes()[3]));

        Assert.Equal("1213112131", order); // three of five, and never in one burst
    }

    [Fact]
    public void Least_connections_takes_the_one_with_the_fewest_for_its_weight()
    {
        BackendPool pool = Pool(Balance.LeastConnections, "10.0.0.1:80 10.0.0.2:80*2");

        for (int i = 0; i < 30; i++) Choose(pool, Client(i));
        Assert.Equal([10, 20], pool.Servers.Select(static server => server.Connections));
        for (int i = 0; i < 5; i++) BackendPool.Release(pool.Servers[0]);
        for (int i = 0; i < 5; i++) Assert.Same(pool.Servers[0], Choose(pool, Client(i)));
    }

    [Fact]
    public void Least_connections_takes_equals_in_turn()
    {
        BackendPool pool = Pool(Balance.LeastConnections, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
        var chosen = new List<PoolServer>();

        for (int i = 0; i < 6; i++)
        {
            chosen.Add(Choose(pool, Client(i)));
            BackendPool.Release(chosen[^1]);
        }

        Assert.All(pool.Servers, server => Assert.Equal(2, chosen.Count(each => each == server)));
    }

    [Fact]
    public void Source_gives_a_client_the_same_server_whatever_its_port_and_on_every_node()
    {
        BackendPool here = Pool(Balance.Source, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"), there = Pool(Balance.Source, "10.0.0.3:80 10.0.0.1:80 10.0.0.2:80");

        for (int i = 0; i < 100; i++) Assert.Equal(Choose(here, Client(i, port: 1)).EndPoint, Choose(there, Client(i, port: 2)).EndPoint);
    }

    [Fact]
    public void Source_spreads_clients_by_the_weights()
    {
        BackendPool pool = Pool(Balance.Source, "10.0.0.1:80 10.0.0.2:80*3");

        for (int i = 0; i < Clients; i++) Choose(pool, Client(i));

        Chance.Explains(0.75, Clients, pool.Servers[1].Connections, "clients are at the heavier server");
    }

    [Fact]
    public void Source_moves_only_the_clients_of_a_server_that_goes_away_and_moves_them_back()
    {
        BackendPool pool = Pool(Balance.Source, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80");
        PoolServer[] before = [.. Enumerable.Range(0, Clients).Select(i => Choose(pool, Client(i)))];
        PoolServer gone = pool.Servers[2];

        gone.Health = TargetHealth.Down;
        PoolServer[] without = [.. Enumerable.Range(0, Clients).Select(i => Choose(pool, Client(i)))];
        gone.Health = TargetHealth.Up;
        PoolServer[] after = [.. Enumerable.Range(0, Clients).Select(i => Choose(pool, Client(i)))];

        for (int i = 0; i < Clients; i++) Assert.True(before[i] == gone ? without[i] != gone : without[i] == before[i]);
        Assert.Equal(before, after);
        var heirs = without.Where((_, i) => before[i] == gone).GroupBy(static server => server).ToArray();
        Assert.Equal(3, heirs.Length);
        int inherited = before.Count(server => server == gone);
        Assert.All(heirs, heir => Chance.Explains(1 / 3.0, inherited, heir.Count(), $"clients moved to {heir.Key.EndPoint}"));
    }

    [Theory]
    [InlineData(Balance.RoundRobin), InlineData(Balance.LeastConnections), InlineData(Balance.Source)]
    public void Never_takes_one_that_is_down_draining_full_or_tried(Balance balance)
    {
        BackendPool pool = Pool(balance, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80 10.0.0.5:80", maxConnections: 100);
        pool.Servers[0].Health = TargetHealth.Down;
        pool.Servers[1].IsDraining = true;
        pool.Servers[2].Connections = 100;

        for (int i = 0; i < 100; i++) Assert.Same(pool.Servers[4], pool.Acquire(Client(i), [pool.Servers[3]]));

        Assert.Null(pool.Acquire(Client(0), [pool.Servers[3]])); // all that is left is full now
    }

    [Fact]
    public void A_reload_keeps_the_state_of_servers_that_remain()
    {
        BackendPool pool = Pool(Balance.RoundRobin, "10.0.0.1:80 10.0.0.2:80");
        PoolServer kept = pool.Servers[1];
        kept.Connections = 7;
        kept.IsDraining = true;

        pool.Use(Options(Balance.LeastConnections, "10.0.0.2:80*4 10.0.0.9:80", 0));

        Assert.Same(kept, pool.Servers[0]);
        Assert.Equal((7, true, 4), (kept.Connections, kept.IsDraining, kept.Weight));
        Assert.Equal("10.0.0.9:80", Choose(pool, Client(1)).Name);
    }

    private static BackendPool Pool(Balance balance, string servers, int maxConnections = 0) => new(Options(balance, servers, maxConnections), new BuzHash(new byte[BuzHash.SeedBytes]));

    private static BackendOptions Options(Balance balance, string servers, int maxConnections) => new()
    {
        Name = "pool",
        Balance = balance,
        MaxConnections = maxConnections,
        Servers = [.. servers.Split(' ').Select(static text => BackendServer.TryParse(text, out BackendServer server) ? server : throw new ArgumentException(text))],
    };

    private static PoolServer Choose(BackendPool pool, in SocketAddressBytes client) => pool.Acquire(client, null) ?? throw new InvalidOperationException("no server is left");

    private static SocketAddressBytes Client(int number, int port = 40000) => new(new IPEndPoint(new IPAddress([172, 16, (byte)(number >> 8), (byte)number]), port));
}

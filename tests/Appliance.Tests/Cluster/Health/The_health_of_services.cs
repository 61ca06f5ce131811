using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Appliance.Cluster.Health;
using Appliance.Cluster.Programs;
using Appliance.Configuration;
using Appliance.Multicast.Transport;
using Appliance.Tests.Relay;

namespace Appliance.Tests.Cluster.Health;

public sealed class The_health_of_services : IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly HealthChecker _checker;

    public The_health_of_services() => _checker = new HealthChecker(_loop, new ProgramRunner("nobody"));

    public void Dispose()
    {
        _loop.Dispose();
        _checker.Dispose();
    }

    [Fact]
    public void Is_good_without_a_check() => Assert.True(new ServiceHealth([new ServiceOptions { Name = "plain" }], _checker).IsHealthy("plain"));

    [Fact]
    public void Is_bad_before_the_first_check_and_follows_the_checks_then()
    {
        using Socket proxy = RelayFixture.Listening(IPAddress.Loopback);
        Assert.True(HealthCheckRule.TryParse($"tcp {proxy.LocalEndPoint}", out HealthCheckRule rule));
        var options = new ServiceOptions { Name = "shop", Check = rule, Interval = TimeSpan.FromMilliseconds(50), Timeout = TimeSpan.FromMilliseconds(50), HoldDown = TimeSpan.Zero };
        var health = new ServiceHealth([options], _checker);
        var changes = new BlockingCollection<(string, bool)>();
        health.Changed += (service, healthy) => changes.Add((service, healthy));
        Assert.False(health.IsHealthy("shop"));
        Assert.Equal("no check has ended yet", health.WhyNot("shop"));

        _loop.Start("service-health-test");

        Assert.Equal(("shop", true), Take(changes));
        Assert.True(health.IsHealthy("shop"));
        proxy.Dispose();
        Assert.Equal(("shop", false), Take(changes));
        Assert.Equal("cannot connect: Connection refused", health.WhyNot("shop"));
    }

    private static (string, bool) Take(BlockingCollection<(string, bool)> changes)
    {
        Assert.True(changes.TryTake(out var change, TimeSpan.FromSeconds(20)), "nothing has changed");
        return change;
    }
}

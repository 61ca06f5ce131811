using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Appliance.Cluster.Health;
using Appliance.Cluster.Programs;
using Appliance.Configuration;
using Appliance.Multicast.Transport;
using Appliance.Tests.Relay;

namespace Appliance.Tests.Cluster.Health;

public sealed class Checking_servers : IDisposable
{
    private readonly EventLoop _loop = new();
    private readonly HealthChecker _checker;
    private readonly BlockingCollection<(TargetHealth Health, string Why)> _changes = [];

    public Checking_servers() => _checker = new HealthChecker(_loop, new ProgramRunner("nobody"));

    public void Dispose()
    {
        _loop.Dispose();
        _checker.Dispose();
    }

    [Fact]
    public void By_tcp_finds_a_server_up_down_when_it_closes_and_up_when_it_is_back()
    {
        using Socket server = RelayFixture.Listening(IPAddress.Loopback);
        var endPoint = (IPEndPoint)server.LocalEndPoint!;
        Check("tcp", endPoint);

        Assert.Equal((TargetHealth.Up, ""), Next());
        server.Dispose();
        Assert.Equal((TargetHealth.Down, "cannot connect: Connection refused"), Next());
        using var again = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        again.Bind(endPoint);
        again.Listen();
        Assert.Equal((TargetHealth.Up, ""), Next());
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n", true, "")]
    [InlineData("HTTP/1.0 399 Fine\r\n\r\n", true, "")]
    [InlineData("HTTP/1.1 503 Busy\r\n\r\n", false, "status 503")]
    [InlineData("HTTP/1.1 1234567", false, "status 123")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", false, "it does not speak HTTP")]
    [InlineData("HTTP/1.1 2", false, "it closed without an answer")]
    public void By_http_judges_the_status(string answer, bool isUp, string why)
    {
        using Socket server = RelayFixture.Listening(IPAddress.Loopback);
        Check("http /ready?x=1", (IPEndPoint)server.LocalEndPoint!);

        using var peer = new Peer(server.Accept());
        peer.Expect(Encoding.ASCII.GetBytes($"GET /ready?x=1 HTTP/1.1\r\nHost: {server.LocalEndPoint}\r\nUser-Agent: appliance-check\r\nConnection: close\r\n\r\n"));
        foreach (byte each in Encoding.ASCII.GetBytes(answer[..Math.Min(answer.Length, 12)])) peer.Send([each]);
        peer.EndSending();

        Assert.Equal((isUp ? TargetHealth.Up : TargetHealth.Down, why), Next());
    }

    [Fact]
    public void By_http_gives_up_a_server_that_does_not_answer()
    {
        using Socket server = RelayFixture.Listening(IPAddress.Loopback);
        Check("http /", (IPEndPoint)server.LocalEndPoint!);

        Assert.Equal((TargetHealth.Down, "no answer within 50 ms"), Next());
    }

    [Fact]
    public void Introduces_itself_to_a_server_that_expects_a_proxy_header()
    {
        using Socket server = RelayFixture.Listening(IPAddress.Loopback);
        Check("http /", (IPEndPoint)server.LocalEndPoint!, SendProxy.V2);

        using var peer = new Peer(server.Accept());

        peer.Expect("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.1\r\n"u8);
    }

    [Theory]
    [InlineData("/bin/true", true, "")]
    [InlineData("/bin/false", false, "it ended with 1")]
    [InlineData("/bin/sleep 60", false, "no end within 1000 ms")]
    public void By_command_judges_how_it_ends(string command, bool isUp, string why)
    {
        Check($"command {command}", null, timeout: 1000);

        Assert.Equal((isUp ? TargetHealth.Up : TargetHealth.Down, why), Next());
    }

    private void Check(string rule, IPEndPoint? target, SendProxy proxy = SendProxy.No, int timeout = 50)
    {
        Assert.True(HealthCheckRule.TryParse(rule, out HealthCheckRule parsed));
        HealthCheckSettings settings = new()
        {
            Rule = parsed,
            Target = target,
            SendProxy = proxy,
            Interval = TimeSpan.FromMilliseconds(timeout),
            Timeout = TimeSpan.FromMilliseconds(timeout),
            Thresholds = new HealthThresholds(2, 2, TimeSpan.Zero),
        };
        Assert.NotNull(_checker.Add(settings, check => _changes.Add((check.Health, check.Why))));
        _loop.Start("health-test");
    }

    private (TargetHealth, string) Next()
    {
        Assert.True(_changes.TryTake(out var change, TimeSpan.FromSeconds(20)), "nothing has changed");
        return change;
    }
}

using Appliance.Configuration;
using Appliance.Tests.Configuration;

namespace Appliance.Tests.LiveConnections;

/// <summary>What <c>survive = connections</c> goes with: everything else is refused with a sentence.</summary>
public sealed class Asking_for_survival
{
    private const string Relay = "\n[backend web]\nservers = 10.0.1.1:80\n[listener web]\nservice = shop\ntype = relay\nbackend = web\nport = 80\n";

    [Theory]
    [InlineData("survive = connections", "", null)]
    [InlineData("survive = connections\nwhen-short = refuse\nsource = 10.0.0.10", "", null)]
    [InlineData("survive = connections\ntype = tls\ncertificates = /tls.pem", "", "survive: only a relay's connections survive so far: this is a tls listener, whose sessions clients resume")]
    [InlineData("survive = connections\nbind = node", "", "survive: needs addresses that move: 'bind = node' listens on this node's own only")]
    [InlineData("survive = connections\ntrust-proxy = 10.0.0.0/8", "", "survive: does not go with trust-proxy yet: connections that begin with a PROXY header end with their node")]
    [InlineData("survive = connections\nsurvive-memory = 1MiB", "", "survive-memory: 1MiB must be from 16MiB to 256GiB")]
    [InlineData("survive = connections\nsource = 10.9.9.9", "", "source: 10.9.9.9 is no address of [service shop]: servers must be reached from one that moves with it")]
    [InlineData("source = 10.0.0.10", "", "source: is used with 'survive = connections' only")]
    [InlineData("survive = connections", "send-proxy = v2", "survive: does not go with 'send-proxy = v2' of [backend web] yet")]
    [InlineData("survive = connections", "tls = unverified", "survive: does not go with 'tls = unverified' of [backend web]: what TLS has in mind ends with its node")]
    public void Is_refused_where_it_cannot_be_kept(string listener, string backend, string? problem)
    {
        string relay = Relay;
        foreach (string line in listener.Split('\n'))
        {
            string key = line[..line.IndexOf(' ')];
            relay = relay.Contains($"\n{key} = relay\n", StringComparison.Ordinal) ? relay.Replace($"\n{key} = relay\n", $"\n{line}\n", StringComparison.Ordinal) : relay + line + "\n";
        }
        string text = ConfigurationText.Valid + relay.Replace("[listener web]", $"{backend}\n[listener web]", StringComparison.Ordinal);

        if (problem is null) Assert.True(ConfigurationText.Load(text).Listeners[^1].Survives);
        else Assert.EndsWith($"[listener web] {problem}", Assert.Single(ConfigurationText.Problems(text)));
    }

    [Fact]
    public void Needs_an_address_of_the_servers_family()
    {
        string text = ConfigurationText.Valid + Relay.Replace("10.0.1.1:80", "[fd00::1]:80", StringComparison.Ordinal) + "survive = connections\n";

        Assert.EndsWith("[listener web] source: no address of [service shop] can reach [fd00::1]:80: it needs one of the same family", Assert.Single(ConfigurationText.Problems(text)));
    }
}

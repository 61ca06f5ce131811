using System.Net;
using Appliance.Cluster.Addresses;

namespace Appliance.Tests.Appliance.Cluster.Namespaces;

/// <summary>A host with floating addresses and a client, each in a namespace, joined by a cable.</summary>
internal sealed class HostAndClient : IDisposable
{
    internal const string HostLink = "front0", ClientLink = "client0";
    internal static readonly IPAddress HostAddress = IPAddress.Parse("10.71.0.1"), HostAddress6 = IPAddress.Parse("fd71::1");
    internal static readonly IPAddress ClientAddress = IPAddress.Parse("10.71.0.2"), ClientAddress6 = IPAddress.Parse("fd71::2");
    internal static readonly IPAddress Floating = IPAddress.Parse("10.71.0.100"), Floating6 = IPAddress.Parse("fd71::100");
    internal static readonly IPAddress Other = IPAddress.Parse("10.71.0.101"), Other6 = IPAddress.Parse("fd71::101");

    internal HostAndClient()
    {
        try
        {
            Connect();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal TestNamespace Host { get; } = new();

    internal TestNamespace Client { get; } = new();

    /// <summary>Lays the cable, or a new one after the old was removed.</summary>
    internal void Connect()
    {
        Host.Ip($"link add {HostLink} type veth peer name {ClientLink} netns {Client.Name}");
        Host.Ip($"addr add {HostAddress}/24 dev {HostLink}");
        Host.Ip($"addr add {HostAddress6}/64 dev {HostLink} nodad");
        Client.Ip($"addr add {ClientAddress}/24 dev {ClientLink}");
        Client.Ip($"addr add {ClientAddress6}/64 dev {ClientLink} nodad");
        Host.Ip($"link set {HostLink} up");
        Client.Ip($"link set {ClientLink} up");
    }

    /// <summary>Puts floating addresses on the host's link.</summary>
    internal void AddToHost(params IPAddress[] addresses) => Host.Run(() =>
    {
        using var set = new VirtualAddressSet(HostLink, addresses);
        AddressOutcome outcome = set.Add();
        Assert.True(outcome.IsComplete, set.Describe(outcome));
    });

    /// <summary>Waits until both ends take IPv6 multicast: the kernel begins with it when it has noticed the carrier (addrconf_link_ready), up to a second later; the link-local address comes with it.</summary>
    internal void WaitUntilConnected()
    {
        foreach ((TestNamespace end, string link) in new[] { (Host, HostLink), (Client, ClientLink) })
        {
            bool ready = SpinWait.SpinUntil(() => end.Run(() =>
            {
                using var socket = new RouteSocket();
                return AddressTable.List(socket, LinkTable.Find(socket, link).Index).Any(static address => address.Address.IsIPv6LinkLocal);
            }), TimeSpan.FromSeconds(20));
            Assert.True(ready, $"{link} has no link-local address");
        }
    }

    internal NetworkLink LinkOfHost() => Host.Run(() => Find(HostLink));

    internal NetworkLink LinkOfClient() => Client.Run(() => Find(ClientLink));

    /// <inheritdoc/>
    public void Dispose()
    {
        Host.Dispose();
        Client.Dispose();
    }

    private static NetworkLink Find(string name)
    {
        using var socket = new RouteSocket();
        return LinkTable.Find(socket, name);
    }
}

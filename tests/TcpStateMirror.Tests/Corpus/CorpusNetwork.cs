using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.TcpStateMirror.Corpus;

/// <summary>
/// A client's and a server's namespace, with a third between them in which <see cref="Impairment"/> carries every frame from one cable to the other:
/// what is lost, late or doubled there is known.
/// </summary>
internal sealed class CorpusNetwork : IDisposable
{
    internal const string ClientAddress = "10.9.0.1", ServerAddress = "10.9.0.2", ClientAddress6 = "fd09::1", ServerAddress6 = "fd09::2";

    private readonly string _id = $"ac{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..4]}";

    internal CorpusNetwork()
    {
        foreach (string place in new[] { Client, Server, Between })
        {
            Shell.Run("ip", "netns", "add", place);
            // Before any card exists: no waiting for duplicate address detection.
            Shell.RunIn(place, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.dad_transmits=0", "net.ipv6.conf.default.accept_ra=0");
        }
        Cable(Client, ClientAddress, ClientAddress6);
        Cable(Server, ServerAddress, ServerAddress6);
        Impairment = NetworkNamespace.Run(Between, static () => new Impairment("client", "server"));
    }

    internal string Client => $"{_id}-client";

    internal string Server => $"{_id}-server";

    private string Between => $"{_id}-between";

    /// <summary>The path between the two.</summary>
    internal Impairment Impairment { get; }

    public void Dispose()
    {
        Impairment.Dispose();
        foreach (string place in new[] { Client, Server, Between }) Shell.Try(TimeSpan.FromSeconds(10), "ip", "netns", "delete", place);
    }

    private void Cable(string place, string address, string address6)
    {
        string far = place == Client ? "client" : "server";
        Shell.Run("ip", "-n", place, "link", "add", "wire", "type", "veth", "peer", "name", far, "netns", Between);
        // Frames pass through user space: checksums must be there, and no frame may be longer than the wire's.
        Shell.RunIn(place, "ethtool", "-K", "wire", "tx", "off", "tso", "off", "gso", "off", "gro", "off");
        foreach (string added in new[] { $"{address}/24", $"{address6}/64" }) Shell.Run("ip", "-n", place, "address", "add", added, "dev", "wire");
        foreach (string card in new[] { "lo", "wire" }) Shell.Run("ip", "-n", place, "link", "set", "dev", card, "up");
        Shell.Run("ip", "-n", Between, "link", "set", "dev", far, "up");
    }
}

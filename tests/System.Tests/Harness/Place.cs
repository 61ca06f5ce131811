using System.Globalization;
using System.Net;
using System.Text;
using Appliance.Configuration;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>One more host on a laboratory's synchronisation network: a namespace with a card, for a node that does not belong there. It goes down with the laboratory.</summary>
internal sealed class Place
{
    private readonly Laboratory _lab;

    private Place(Laboratory lab, string name, string networkNamespace, IPAddress address)
    {
        _lab = lab;
        Name = name;
        Namespace = networkNamespace;
        Address = address;
        Directory.CreateDirectory(Home);
    }

    public string Name { get; }

    public string Namespace { get; }

    /// <summary>Its address on the synchronisation network.</summary>
    public IPAddress Address { get; }

    /// <summary>Where its files stand.</summary>
    public string Home => Path.Combine(_lab.StateDirectory, Name);

    /// <summary>Adds a host.</summary>
    /// <param name="lab">Its network.</param>
    /// <param name="name">One letter that no node of the laboratory has: the laboratory removes what has such a name.</param>
    public static Place Add(Laboratory lab, char name)
    {
        string member = lab.Nodes[0].Namespace, hub = $"{member[..^1]}net", added = $"{member[..^1]}{name}";
        var address = IPAddress.Parse($"10.77.0.{100 + name - 'a'}");
        Shell.Run("ip", "netns", "add", added);
        Shell.Run("ip", "-n", hub, "link", "add", $"{name}-sync", "type", "veth", "peer", "name", "sync", "netns", added);
        Shell.Run("ip", "-n", hub, "link", "set", $"{name}-sync", "master", "sync0", "up");
        Shell.Run("ip", "-n", added, "link", "set", "lo", "up");
        Shell.Run("ip", "-n", added, "link", "set", "sync", "up");
        Shell.Run("ip", "-n", added, "address", "add", $"{address}/24", "dev", "sync");
        Shell.RunIn(added, "ethtool", "-K", "sync", "tx-udp-segmentation", "off");
        return new Place(lab, name.ToString(), added, address);
    }

    /// <summary>Starts a node here.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="like">A member of the laboratory: address and port of the group are the same.</param>
    /// <param name="group">Name of the group.</param>
    /// <param name="keyFile">Its keys.</param>
    /// <param name="members">As in [group] members; this place's own address is filled in where <paramref name="id"/> stands alone.</param>
    /// <param name="primary">Primary of its service.</param>
    public NodeProcess Start(string id, LabNode like, string group, string keyFile, string members, string primary)
    {
        ApplianceConfiguration original = ConfigurationOf(like);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"[node]\nid = {id}\nstate-directory = {Path.Combine(Home, "state")}\n");
        text.Append(CultureInfo.InvariantCulture, $"[group]\nname = {group}\nmembers = {members}\naddress = {original.Group.Address}\nport = {original.Group.Port}\nkey-file = {keyFile}\n");
        text.Append("heartbeat = 20ms\ndead-after = 3s\nlease = 2s\n"); // a loaded machine must not look like a failure
        text.Append(CultureInfo.InvariantCulture, $"[service demo]\nprimary = {primary}\n");
        text.Append(CultureInfo.InvariantCulture, $"[listener state]\nservice = demo\nbind = node\nnode-addresses = {Address}\nport = {_lab.RespPort}\n");
        text.Append(CultureInfo.InvariantCulture, $"[admin]\nsocket = {Path.Combine(Home, "admin.sock")}\n");
        string configuration = Path.Combine(Home, "appliance.conf");
        File.WriteAllText(configuration, text.ToString());
        return NodeProcess.Start(new LabNode(_lab, id, 0, Namespace, Address, Path.Combine(Home, "admin.sock")), configuration);
    }

    /// <summary>What a node of the laboratory runs with.</summary>
    public static ApplianceConfiguration ConfigurationOf(LabNode node) => ConfigurationLoader.Load(Path.Combine(node.Home, "appliance.conf")).Configuration!;

    /// <summary>A connection to the node here, from here.</summary>
    public RespClient Connect() => NetworkNamespace.Run(Namespace, () => RespClient.Connect(new IPEndPoint(Address, _lab.RespPort)));
}

using System.Globalization;
using System.Text;
using Appliance.Interop;

namespace Appliance.Lab;

/// <summary>
/// The network of a laboratory: a namespace for each node with a front and a sync card, one for clients and one for the backend, and one that holds the
/// two bridges with the far ends of all cables, so that nothing touches the host's own network. All by the system's tools.
/// </summary>
internal sealed class LabNetwork
{
    /// <summary>The cards of a node.</summary>
    internal static readonly string[] Cards = ["front", "sync"];

    private static readonly TimeSpan CarrierPatience = TimeSpan.FromSeconds(5);
    private const string FrontBridge = "front0", SyncBridge = "sync0";
    private readonly string _name;

    internal LabNetwork(string name) => _name = name;

    /// <summary>The namespace with the bridges.</summary>
    internal string Hub => NamespaceOf("net");

    /// <summary>The namespace of a node, of <c>client</c> or of <c>backend</c>.</summary>
    internal string NamespaceOf(string place) => $"appliance-{_name}-{place}";

    /// <summary>A command inside a namespace. nsenter, unlike 'ip netns exec', leaves /sys alone.</summary>
    internal static IEnumerable<string> Inside(string networkNamespace, IEnumerable<string> command) => ["nsenter", $"--net=/run/netns/{networkNamespace}", .. command];

    /// <summary>Runs a tool inside a namespace.</summary>
    internal static string RunInside(string networkNamespace, string? input, params string[] command)
    {
        string[] whole = [.. Inside(networkNamespace, command)];
        return Spawn.Run(whole[0], input, whole[1..]);
    }

    /// <summary>Makes all namespaces, bridges, cables and addresses.</summary>
    internal void Create(IReadOnlyList<LabNode> nodes)
    {
        string[] places = [.. nodes.Select(static node => node.Id), "client", "backend"];
        Batch(null, [$"netns add {Hub}", .. places.Select(place => $"netns add {NamespaceOf(place)}")]);
        foreach (string place in places)
        {
            // Before any card exists: no duplicate address detection, no router solicitation delays what a test measures.
            RunInside(NamespaceOf(place), null, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.dad_transmits=0", "net.ipv6.conf.default.accept_ra=0");
        }
        Batch(Hub, WireHub(nodes));
        foreach (LabNode node in nodes)
        {
            Batch(NamespaceOf(node.Id), ["link set lo up", .. Raise("front", node.Address), .. Raise("sync", node.SyncAddress)]);
            // A super-packet would cross the bridge, and be dropped, in one piece; a real card cuts it before the wire.
            RunInside(NamespaceOf(node.Id), null, "ethtool", "-K", "sync", "tx-udp-segmentation", "off");
        }
        Batch(NamespaceOf("client"), ["link set lo up", .. Raise("front", LabAddresses.Client)]);
        Batch(NamespaceOf("backend"), ["link set lo up", .. Raise("front", new LabAddresses("", loopback: false).Backend)]);
    }

    /// <summary>Removes every namespace of this laboratory, whatever created it.</summary>
    internal void Destroy()
    {
        if (!Directory.Exists("/run/netns")) return;
        foreach (string path in Directory.EnumerateFiles("/run/netns", NamespaceOf("*")))
        {
            // Names are lower-case words and node ids are single letters: 'x' must not take what belongs to 'x-y'.
            string place = Path.GetFileName(path)[NamespaceOf("").Length..];
            if (place.Length == 1 || place is "net" or "client" or "backend") Spawn.Try("ip", "netns", "delete", Path.GetFileName(path));
        }
    }

    /// <summary>Pulls or plugs the far ends of cables: the node sees its carrier go or come; its addresses remain.</summary>
    /// <remarks>All in one go, and the synchronisation network's goes first: otherwise a node could hand over, between the two, what it can no longer serve.</remarks>
    internal void SetCables(string node, IEnumerable<string> cards, bool plugged) =>
        Spawn.Run("ip", string.Concat((plugged ? cards : cards.Reverse()).Select(card => $"link set dev {node}-{card} {(plugged ? "up" : "down")}\n")), ["-n", Hub, "-batch", "-"]);

    /// <summary>Makes a switch port forward or not; the node's carrier stays.</summary>
    internal void SetPort(string node, string card, bool forwarding)
    {
        string[] command = ["-n", Hub, "link", "set", "dev", $"{node}-{card}", "state", forwarding ? "3" : "0"];
        if (!Polling.Until(CarrierPatience, () => Spawn.Try("bridge", command))) Spawn.Run("bridge", command); // the kernel sees the carrier of a cable that was just plugged a moment later
    }

    private IEnumerable<string> WireHub(IReadOnlyList<LabNode> nodes)
    {
        foreach (string bridge in new[] { FrontBridge, SyncBridge })
        {
            // Without a querier snooping would cut the multicast off after minutes; a switch with this fault is what 'loss' and 'port-down' play.
            yield return $"link add name {bridge} type bridge mcast_snooping 0 forward_delay 0";
            yield return $"link set {bridge} up";
        }
        foreach (string cable in Cables(nodes)) yield return cable;
    }

    private IEnumerable<string> Cables(IReadOnlyList<LabNode> nodes)
    {
        foreach (LabNode node in nodes)
        {
            foreach (string line in Cable(node.Id, "front", FrontBridge).Concat(Cable(node.Id, "sync", SyncBridge))) yield return line;
        }
        foreach (string line in Cable("client", "front", FrontBridge).Concat(Cable("backend", "front", FrontBridge))) yield return line;
    }

    private IEnumerable<string> Cable(string place, string card, string bridge) =>
    [
        $"link add {place}-{card} type veth peer name {card} netns {NamespaceOf(place)}",
        $"link set {place}-{card} master {bridge} up",
    ];

    private static IEnumerable<string> Raise(string card, string address)
    {
        string last = address[(address.LastIndexOf('.') + 1)..];
        string prefix = card == "front" ? "fd00" : "fd77";
        return [$"link set {card} up", $"address add {address}/24 dev {card}", $"address add {prefix}::{last}/64 dev {card} nodad"];
    }

    private static void Batch(string? networkNamespace, IEnumerable<string> lines)
    {
        var text = new StringBuilder();
        foreach (string line in lines) text.Append(CultureInfo.InvariantCulture, $"{line}\n");
        string[] target = networkNamespace is null ? [] : ["-n", networkNamespace];
        Spawn.Run("ip", text.ToString(), [.. target, "-batch", "-"]);
    }
}

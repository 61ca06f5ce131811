using Appliance.Multicast;

namespace Appliance.Tests.Multicast.Transport;

/// <summary>Namespaces that are joined by cables to a bridge in another: one for each node. Needs root.</summary>
internal sealed class TestNetwork : IDisposable
{
    private readonly NetworkNamespace _hub = new();
    private readonly NetworkNamespace[] _nodes;

    internal TestNetwork(int nodes)
    {
        _hub.Command("ip link add bridge0 type bridge mcast_snooping 0 forward_delay 0");
        _hub.Command("ip link set bridge0 up");
        _nodes = new NetworkNamespace[nodes];
        for (int i = 0; i < nodes; i++)
        {
            _nodes[i] = new NetworkNamespace();
            _hub.Command($"ip link add port{i} type veth peer name sync netns {_nodes[i].Path}");
            _hub.Command($"ip link set port{i} master bridge0 up");
            _nodes[i].Command($"ip address add 10.77.0.{i + 1}/24 dev sync");
            _nodes[i].Command("ip link set sync up");
            // Otherwise a super-packet crosses the bridge, and is dropped there, in one piece.
            _nodes[i].Command("ethtool -K sync tx-udp-segmentation off");
        }
        _hub.Command("nft add table bridge test");
        _hub.Command("nft add chain bridge test forward { type filter hook forward priority 0 ; }");
    }

    internal static string NameOf(int node) => ((char)('a' + node)).ToString();

    internal TestMember Join(int node, Func<GroupSettings, GroupSettings>? change = null)
    {
        GroupSettings settings = TestMember.SettingsOf(NameOf(node), node + 1) with { Interface = "sync" };
        return TestMember.Join(change?.Invoke(settings) ?? settings, open: open => _nodes[node].Run(open));
    }

    /// <summary>Drops a part of what goes to a node, at random, with a counter.</summary>
    internal void Lose(int node, int percent) => AddRule($"oifname port{node} ip protocol udp counter name {Counter(node, "seen")} numgen random mod 100 < {percent} counter name {Counter(node, "lost")} drop");

    /// <summary>Drops what goes by multicast to a node, as a switch that prunes the group.</summary>
    internal void Prune(int node) => AddRule($"oifname port{node} ip daddr 224.0.0.0/4 counter name {Counter(node, "lost")} drop");

    /// <summary>Lets everything pass again; counters go on.</summary>
    internal void Heal() => _hub.Command("nft flush chain bridge test forward");

    internal void SetCable(int node, bool plugged) => _hub.Command($"ip link set port{node} {(plugged ? "up" : "down")}");

    internal long Lost(int node) => Count(node, "lost");

    internal long Seen(int node) => Count(node, "seen");

    public void Dispose()
    {
        foreach (NetworkNamespace node in _nodes) node.Dispose();
        _hub.Dispose();
    }

    private static string Counter(int node, string what) => $"{what}{node}";

    private void AddRule(string rule)
    {
        foreach (string word in rule.Split(' ').Where(static word => word.StartsWith("seen", StringComparison.Ordinal) || word.StartsWith("lost", StringComparison.Ordinal)))
            _hub.Command($"nft add counter bridge test {word}");
        _hub.Command($"nft add rule bridge test forward {rule}");
    }

    private long Count(int node, string what)
    {
        string[] words = _hub.Command($"nft list counter bridge test {Counter(node, what)}").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(words[Array.IndexOf(words, "packets") + 1], System.Globalization.CultureInfo.InvariantCulture);
    }
}

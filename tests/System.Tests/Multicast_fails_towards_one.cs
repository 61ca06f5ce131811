using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Must hold 6: a switch that prunes the group address (IGMP snooping without a querier) costs nothing but unicast traffic.</summary>
public sealed class Multicast_fails_towards_one
{
    [RootFact]
    public void Traffic_moves_to_unicast_nothing_is_lost_and_status_names_the_cause()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        LabNode deaf = lab.Secondaries[^1];
        using RespClient writer = lab.Connect(lab.Primary), reader = lab.Connect(deaf);
        Assert.Equal("OK", writer.Call("SET", "before", "1").Text);
        Until.True("the first write arrives", TimeSpan.FromSeconds(5), () => reader.Call("GET", "before").Text == "1");

        // A rule of the test's own in the member's namespace: what a pruning switch does, with a counter that must move.
        Nft(deaf, "add table netdev prune");
        Nft(deaf, $"add chain netdev prune in {{ type filter hook ingress device \"sync\" priority 0 ; }}");
        Nft(deaf, "add rule netdev prune in ip daddr 224.0.0.0/4 counter drop");
        Until.True("the primary's status shows the unicast path", TimeSpan.FromSeconds(10), () => Path(lab.Primary, deaf.Id) == "unicast");
        for (int i = 0; i < 20_000; i++) writer.Queue("SET", $"k:{i}", i.ToString());
        writer.Flush();
        for (int i = 0; i < 20_000; i++) Assert.False(writer.Read().IsError);
        Until.True("all writes arrive", TimeSpan.FromSeconds(10), () => reader.Call("DBSIZE").Text == "20001");

        Assert.Contains("multicast", lab.Primary.Member(deaf.Id).GetProperty("pathCause").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("packets", Nft(deaf, "list chain netdev prune in"));
        Assert.DoesNotContain("packets 0 ", Nft(deaf, "list chain netdev prune in"));
        Nft(deaf, "delete table netdev prune");
        Until.True("traffic goes back to multicast", TimeSpan.FromSeconds(20), () => Path(lab.Primary, deaf.Id) == "multicast");
    }

    private static string Path(LabNode node, string member) => node.Member(member).GetProperty("path").GetString()!;

    private static string Nft(LabNode node, string command) => Shell.RunIn(node.Namespace, "nft", command.Split(' '));
}

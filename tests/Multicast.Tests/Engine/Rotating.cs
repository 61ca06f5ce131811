using Appliance.Multicast;
using Appliance.Multicast.Protocol;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Rotating
{
    private static readonly byte[] Second = [.. Enumerable.Range(50, 32).Select(static i => (byte)i)];

    [Fact]
    public void A_rotation_under_load_loses_nothing()                       // P-96, P-98
    {
        using var group = TestGroup.Of(3);
        int published = 0, data = 0;
        group.Loses = p => p.Type == DatagramType.Data && ++data % 20 == 0;
        for (int round = 0; round < 300; round++)
        {
            foreach (var node in group.Nodes)
            {
                if (round == 100) node.Engine.RotateKey(2, Second);
                if (round == 110 + node.EndPoint.Address.GetAddressBytes()[3] * 10) node.Engine.SealWith(2);
                if (round == 250) node.Engine.ForgetKey(1);
            }
            for (int i = 0; i < 5; i++) group["a"].PublishNow($"m{published++}");
            group.Run(milliseconds: 1);
        }
        group.Run(milliseconds: 200);
        Assert.All((string[])["b", "c"], n => Assert.Equal(Enumerable.Range(0, published).Select(static i => $"m{i}"), group[n].Messages("a")));
        Assert.All(group.Nodes, static n => Assert.DoesNotContain(n.Changes, static c => c.Change == MemberChange.Suspected));
        Assert.All(group.Nodes, static n => Assert.Equal(0, n.Counters.Dropped(DropReason.UnknownKey)));
    }

    [Fact]
    public void A_node_that_learns_the_key_late_is_repaired()                // P-97
    {
        using var group = TestGroup.Of(3, static o => o with { LagTimeout = TimeSpan.FromSeconds(5), DeadAfter = TimeSpan.FromSeconds(1) });
        group["a"].Engine.RotateKey(2, Second);
        group["b"].Engine.RotateKey(2, Second);
        group["a"].Engine.SealWith(2);
        for (int i = 0; i < 50; i++) group["a"].PublishNow($"m{i}");
        group.Run(milliseconds: 200);
        Assert.Equal(50, group["b"].Runs.Count);
        Assert.Empty(group["c"].Runs);
        Assert.True(group["c"].Counters.Dropped(DropReason.UnknownKey) > 50);
        group["c"].Engine.RotateKey(2, Second);
        group.Run(milliseconds: 500);
        Assert.Equal(50, group["c"].Runs.Count);
    }

    [Fact]
    public void Only_accepted_keys_can_seal()                               // P-96
    {
        using var group = TestGroup.Of(2);
        Assert.Throws<ArgumentException>(() => group["a"].Engine.SealWith(9));
        Assert.Throws<ArgumentException>(() => group["a"].Engine.RotateKey(9, new byte[31]));
    }

    [Fact]
    public void The_fifth_key_replaces_the_oldest_that_does_not_seal()       // P-96
    {
        using var group = TestGroup.Of(2);
        for (ushort id = 2; id <= 6; id++) group["b"].Engine.RotateKey(id, Second);
        group["a"].PublishNow("key 1 still opens: it seals");
        group.Run(milliseconds: 20);
        Assert.Single(group["b"].Runs);
        group["a"].Engine.RotateKey(2, Second);
        group["a"].Engine.SealWith(2);
        group["a"].PublishNow("key 2 gave way");
        group.Run(milliseconds: 20);
        Assert.Single(group["b"].Runs);
    }
}

using Appliance.Multicast;
using Appliance.Multicast.Wire;

namespace Appliance.Tests.Multicast.Engine;

public sealed class Delivery
{
    [Fact, Trait("Demand", "A12")]
    public void Every_member_gets_every_message_once_and_in_order()
    {
        using var group = TestGroup.Of(3);
        for (int i = 0; i < 1000; i++) Assert.True(group["a"].Publish($"m{i}"));
        group["a"].Flush();

        group.Run(milliseconds: 50);

        string[] expected = [.. Enumerable.Range(0, 1000).Select(static i => $"m{i}")];
        Assert.Equal(expected, group["b"].Messages("a"));
        Assert.Equal(expected, group["c"].Messages("a"));
    }

    [Fact, Trait("Demand", "A13")]
    public void What_was_lost_is_repaired_after_a_report()
    {
        using var group = TestGroup.Of(3);
        int data = 0;
        group.Loses = p => p.Type == DatagramType.Data && p.To.Name == "b" && ++data % 7 == 0;
        for (int i = 0; i < 5000; i++)
        {
            while (!group["a"].Publish($"m{i}")) group.Run(milliseconds: 1);
        }
        group["a"].Flush();

        group.Run(milliseconds: 500);

        Assert.Equal(Enumerable.Range(0, 5000).Select(static i => $"m{i}"), group["b"].Messages("a"));
        Assert.Empty(group["b"].Gaps);
        Assert.True(group["a"].Counters.RepairsSent >= 4);
    }
}

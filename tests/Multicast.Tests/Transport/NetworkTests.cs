using Appliance.Multicast;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Multicast.Transport;

[Collection("real sockets")]
public sealed class NetworkTests
{
    [RootTheory, Trait("Demand", "A13")]
    [InlineData(1)]
    [InlineData(10)]
    public void What_the_network_loses_is_repaired(int percent)
    {
        using var network = new TestNetwork(3);
        using TestMember a = network.Join(0), b = network.Join(1), c = network.Join(2);
        foreach ((TestMember one, TestMember[] others) in new[] { (a, new[] { b, c }), (b, [a, c]), (c, [a, b]) }) one.UntilMet(others);
        network.Lose(1, percent);
        network.Lose(2, percent);
        const long count = 60_000;
        a.Publish(count);
        b.UntilDelivered(a, count);
        c.UntilDelivered(a, count);
        Assert.All(new[] { a, b, c }, static member => Assert.Null(member.Ask(() => member.Failure)));
        foreach (int node in new[] { 1, 2 }) Chance.Explains(percent / 100.0, network.Seen(node), network.Lost(node), $"datagrams to node {node} were lost", allowed: 0.2);
        Assert.True(Counter(a, "RepairsSent") > 0);
    }

    [RootFact]
    public void A_member_that_multicast_does_not_reach_gets_everything_by_unicast_and_status_says_why()
    {
        using var network = new TestNetwork(3);
        using TestMember a = network.Join(0), b = network.Join(1), c = network.Join(2);
        a.UntilMet(b, c);
        b.UntilMet(a, c);
        c.UntilMet(a, b);
        network.Prune(1);
        a.Until(() => a.Group.Members.Any(static member => member is { Name: "b", ByUnicast: true }), "serves b by unicast");
        a.Publish(5_000);
        b.UntilDelivered(a, 5_000);
        c.UntilDelivered(a, 5_000);
        Assert.True(network.Lost(1) > 0);
        Assert.Contains(a.Ask(() => a.Group.ReadStatus().Warnings), static warning => warning.Contains("multicast between this node and 'b' does not arrive", StringComparison.Ordinal));
        Assert.DoesNotContain(("b", MemberChange.Suspected), a.Ask(() => a.Changes.ToArray()));
        network.Heal();
        a.Until(() => a.Group.Members.Any(static member => member is { Name: "b", ByUnicast: false }), "serves b by multicast again");
        Assert.All(new[] { a, b, c }, static member => Assert.Null(member.Ask(() => member.Failure)));
    }

    [RootFact]
    public void A_pulled_cable_is_noticed_survived_and_healed()
    {
        using var network = new TestNetwork(2);
        using TestMember a = network.Join(0), b = network.Join(1);
        a.UntilMet(b);
        b.UntilMet(a);
        network.SetCable(0, plugged: false);
        a.Until(() => !a.Group.ReadStatus().LinkCarries, "sees the carrier go");
        a.Until(() => a.Changes.Contains(("b", MemberChange.Suspected)), "suspects b");
        a.Publish(1_000); // goes nowhere
        network.SetCable(0, plugged: true);
        a.Until(() => a.Changes.Contains(("b", MemberChange.Restored)), "hears b again");
        b.UntilDelivered(a, 1_000);
        Assert.Equal(1, a.Ask(() => a.Group.ReadStatus().CarrierLosses));
        Assert.All(new[] { a, b }, static member => Assert.Null(member.Ask(() => member.Failure)));
    }

    private static long Counter(TestMember member, string name) =>
        member.Ask(() => member.Group.ReadStatus().Protocol.First(counter => counter.Key == name).Value);
}

using Appliance.Configuration;
using Appliance.State;
using Appliance.Tests.Appliance.State.Mirror;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary>Who remembers what was acknowledged is counted, who forgot is not; the rest is for the operator to give up (docs/decisions/0006).</summary>
[Trait("Demand", "E6")]
public sealed class Waiting_for_who_may_hold_more
{
    [Fact]
    public void A_member_that_forgot_takes_nobody_but_a_primary_for_complete_and_what_is_lost_is_said()
    {
        using ElectedMirrors group = Started(WhenShort.Refuse);
        group.HoldState("a", "c", true);
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket), "b alone has acknowledged it");
        group.Kill("a");
        group.Kill("b");
        group.Restart("b"); // and c never had it
        group.Run(5000);
        Assert.False(group["b"].Service.IsComplete);
        Assert.False(group.Serves("c"));
        Assert.Contains("missing: a, b", StateMirror.DoingFor(group["c"].Service), StringComparison.Ordinal);

        group.AcceptLoss("c");
        Assert.True(group.RunUntil(() => group.Serves("c")), group.Describe());
        Assert.True(group["c"].Said(MirrorEvent.Lost, "that only a, b held are lost"));
        Assert.True(group.RunUntil(() => group["b"].Service.IsComplete), group.Describe());
    }

    [Fact]
    public void A_member_that_forgot_votes_for_the_one_that_holds_everything()
    {
        using ElectedMirrors group = Started(WhenShort.Refuse);
        group.Kill("b");
        Assert.True(group.RunUntil(() => group.ElectionsOf("c").SetOf(0).Members == 0b101), group.Describe());
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket), "c has acknowledged it");
        group.Restart("b");
        group.HoldState("a", "b", true);
        group.Run(500);
        Assert.False(group["b"].Service.IsComplete);
        group.Kill("a");
        Assert.True(group.RunUntil(() => group.Serves("c"), 1000), group.Describe());
        Assert.Equal("bought", group["c"].Get("cart:1"));
        Assert.True(group.RunUntil(() => group["b"].Service.IsComplete && group["b"].Get("cart:1") == "bought"), group.Describe());
    }

    [Fact]
    public void What_only_one_member_held_is_given_up_by_one_order_to_any_other()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Accept);
        group.HoldStateOf("a", true);
        Assert.True(group.RunUntil(() => group.Serves("a") && group.ElectionsOf("b").SetOf(0) is { HoldsNothing: false, Members: 0b001 }), group.Describe());
        group.Kill("a"); // for good, with what it may have accepted alone
        group.Run(5000);
        Assert.Null(group.Primary);
        Assert.Contains("waits for a", group.ElectionsOf("b").Describe(0), StringComparison.Ordinal);

        Assert.Null(group.ElectionsOf("b").WhyNotAcceptLoss(0));
        group.AcceptLoss("b");
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next)), group.Describe());
        Assert.True(group.RunUntil(() => group["b"].Service.IsComplete && group["c"].Service.IsComplete), group.Describe());
    }

    private static ElectedMirrors Started(WhenShort whenShort)
    {
        ElectedMirrors group = ElectedMirrors.OfThree(whenShort);
        Assert.True(group.RunUntil(() => group.Serves("a") && group.ElectionsOf("c").SetOf(0).Members == 0b111), group.Describe());
        group.Run(100);
        return group;
    }
}

using Appliance.Cluster.Elections;
using Appliance.Configuration;
using Appliance.State;
using Appliance.Tests.Appliance.State.Mirror;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary>After a cold start one member holds all there is: nothing that befalls it, or the others, may leave the group without a primary for ever (docs/decisions/0006).</summary>
[Trait("Demand", "E6")]
public sealed class Starting_cold
{
    [Fact]
    public void A_winner_whose_lease_lapses_before_others_have_synchronised_serves_again()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Refuse);
        Assert.True(group.RunUntil(() => group.Primary == "a"), group.Describe());
        group.Deafen("a", true); // it cuts, and learns of no set that is committed
        group.HoldStateOf("a", true);
        Assert.True(group.RunUntil(() => group["a"].Service.Role == ServiceRole.Primary), group.Describe());
        Assert.True(group.RunUntil(() => group.Primary is null), group.Describe());
        group.Run(300);
        group.Deafen("a", false);
        Assert.True(group.RunUntil(() => group.Primary == "a"), group.Describe());
        group.HoldStateOf("a", false); // now they know of a second term, and could fetch nothing of the first
        Assert.True(group.RunUntil(() => group.Serves("a"), 10_000), group.Describe());
        Assert.True(group.RunUntil(() => group.ElectionsOf("a").SetOf(0).Members == 0b111, 10_000), group.Describe());
    }

    [Fact]
    public void Who_dies_after_it_has_won_and_before_it_cuts_is_not_waited_for()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Refuse);
        group.MirrorsStandStill = true;
        Assert.True(group.RunUntil(() => group.ElectionsOf("b").SetOf(0) is { Term: 1, HoldsNothing: true, Members: 0b001 }), group.Describe());
        group.Kill("a");
        group.MirrorsStandStill = false;
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next), 10_000), group.Describe());
        Assert.NotEqual("a", group.Primary);
    }

    [Fact]
    public void A_second_winner_serves_although_the_first_has_cut_unheard()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Refuse);
        Assert.True(group.RunUntil(() => group.Primary == "a"), group.Describe());
        group.SilenceBeatsOf("a", true); // its cut reaches the others, by the stream; that it holds something does not
        Assert.True(group.RunUntil(() => group["a"].Service.Role == ServiceRole.Primary), group.Describe());
        Assert.True(group.RunUntil(() => group.Primary is "b" or "c"), group.Describe());
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next)), group.Describe());
        group.SilenceBeatsOf("a", false);
        Assert.True(group.RunUntil(() => group.ElectionsOf("b").SetOf(0).Members == 0b111), group.Describe());
    }

    [Fact]
    public void A_winner_that_dies_alone_with_what_it_may_have_accepted_is_waited_for_and_its_return_starts_the_group_again()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Accept);
        Assert.True(group.RunUntil(() => group.Primary == "a"), group.Describe());
        group.HoldStateOf("a", true);
        Assert.True(group.RunUntil(() => group.Serves("a")), group.Describe());
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket), "accepted alone, as the class says");
        Assert.Equal(0b001, group.ElectionsOf("b").SetOf(0).Members);
        group.SilenceBeatsOf("a", true);
        group.Run(5000);
        Assert.Null(group.Primary);

        group.SilenceBeatsOf("a", false);
        group.HoldStateOf("a", false);
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next), 10_000), group.Describe());
        Assert.Equal("bought", group[group.Primary!].Get("cart:1"));

        group.Kill("a");
        group.Kill("b");
        group.Kill("c");
        foreach (string name in new[] { "a", "b", "c" }) group.Restart(name);
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next), 10_000), group.Describe());
    }

    [Fact]
    public void Nothing_is_acknowledged_before_the_voters_know_that_the_winner_holds_something()
    {
        using ElectedMirrors group = ElectedMirrors.OfThree(WhenShort.Accept);
        Assert.True(group.RunUntil(() => group.Primary == "a"), group.Describe());
        group.HoldStateOf("a", true);
        bool told = false;
        ulong? ticket = null;
        Assert.True(group.RunUntil(() =>
        {
            if (ticket is null && group["a"].Service.Role == ServiceRole.Primary) ticket = group["a"].Set("cart:1", "bought");
            told |= new[] { "b", "c" }.Any(voter => group.ElectionsOf(voter).SetOf(0) is { HoldsNothing: false } set && set.Contains(0));
            if (!told && ticket is { } written) Assert.True(group["a"].Store.ResolvedThrough < written);
            return ticket is { } one && group["a"].Store.ResolvedThrough >= one;
        }), group.Describe());
        Assert.True(told);
    }
}

using Appliance.Configuration;
using Appliance.State;
using Appliance.Tests.Appliance.State.Mirror;

namespace Appliance.Tests.Appliance.Cluster.Failover;

/// <summary>Planned hand-overs of real elections and mirrors: prepared, or ended in time (docs/decisions/0006, nomination).</summary>
[Trait("Demand", "A2"), Trait("Demand", "E6")]
public sealed class Handing_over
{
    private const int PreparationLimit = 300, PauseLimit = 20;

    [Fact]
    public async Task A_service_is_handed_over_within_milliseconds_with_every_acknowledged_write()
    {
        using ElectedMirrors group = Started();
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket));
        Task<string?> ended = group.HandOver("b", isOrdered: true);
        Assert.True(group.RunUntil(() => ended.IsCompleted, 15), group.Describe());
        Assert.Null(await ended);
        Assert.True(group.RunUntil(() => group.Serves("b"), 10), group.Describe());
        Assert.Equal("bought", group["b"].Get("cart:1"));
        ticket = group["b"].Set("cart:2", "bought");
        Assert.True(group.RunUntil(() => group["b"].Store.ResolvedThrough >= ticket, 10), "the set is committed already: " + group.Describe());
    }

    [Fact]
    public async Task A_target_that_cannot_prepare_gets_the_service_all_the_same_after_the_limit_while_the_primary_serves()
    {
        using ElectedMirrors group = Started();
        group.FillDiskOf("b", true);
        Task<string?> ended = group.HandOver("b", isOrdered: true);
        group.Run(PreparationLimit - 10);
        Assert.False(ended.IsCompleted);
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, 5), "writes do not wait for it: " + group.Describe());
        Assert.True(group.RunUntil(() => ended.IsCompleted, 10 + PauseLimit), group.Describe());
        Assert.Null(await ended);
        group.FillDiskOf("b", false);
        Assert.True(group.RunUntil(() => group.Primary is { } next && group.Serves(next)), group.Describe());
        Assert.Equal("bought", group[group.Primary!].Get("cart:1"));
    }

    [Fact]
    public async Task A_target_that_dies_while_it_is_prepared_is_given_up_as_soon_as_it_is_missed_and_the_primary_goes_on()
    {
        using ElectedMirrors group = Started();
        group.FillDiskOf("b", true); // or it would be done at once
        Task<string?> ended = group.HandOver("b", isOrdered: true);
        group.Run(10);
        group.Kill("b");
        Assert.True(group.RunUntil(() => ended.IsCompleted, 210), group.Describe()); // dead-after is 200 ms here
        Assert.StartsWith("b ", await ended, StringComparison.Ordinal);
        Assert.True(group.Serves("a"));
        ulong ticket = group["a"].Set("cart:1", "bought");
        Assert.True(group.RunUntil(() => group["a"].Store.ResolvedThrough >= ticket, 250), group.Describe());
        Task<string?> again = group.HandOver("c", isOrdered: true);
        Assert.True(group.RunUntil(() => again.IsCompleted, 50), group.Describe());
        Assert.Null(await again);
        Assert.True(group.RunUntil(() => group.Serves("c"), 50), group.Describe());
    }

    [Theory]
    [InlineData(false, false, "is not healthy any more")]
    [InlineData(true, true, "is drained")]
    public async Task A_target_that_becomes_unfit_while_it_is_prepared_is_given_up_within_a_heartbeat_unless_an_operator_chose_it(bool healthy, bool drained, string why)
    {
        using ElectedMirrors group = Started();
        group.FillDiskOf("b", true);
        Task<string?> ended = group.HandOver("b", isOrdered: false);
        group.Run(10);
        Assert.False(ended.IsCompleted);
        group.Tell("b", healthy, drained);
        Assert.True(group.RunUntil(() => ended.IsCompleted, 25), group.Describe());
        Assert.Equal($"b {why}", await ended);
        Assert.True(group.Serves("a"));

        Task<string?> ordered = group.HandOver("b", isOrdered: true);
        Assert.True(group.RunUntil(() => ordered.IsCompleted, PreparationLimit + PauseLimit + 10), group.Describe());
        Assert.Null(await ordered);
    }

    [Fact]
    public async Task Who_is_missing_from_the_beginning_fails_at_once()
    {
        using ElectedMirrors group = Started();
        group.Kill("b");
        group.Run(500);
        Task<string?> ended = group.HandOver("b", isOrdered: true);
        Assert.True(group.RunUntil(() => ended.IsCompleted, 2));
        Assert.Equal("b cannot take it over: it is not heard", await ended);
        Assert.True(group.Serves("a"));
    }

    private static ElectedMirrors Started()
    {
        ElectedMirrors group = new(static options => options with { Classes = [MirrorCluster.Acknowledged(RecordClass.Purchase, 1, WhenShort.Accept, "cart:*")] }, "a", "b", "c");
        Assert.True(group.RunUntil(() => group.Serves("a") && group.ElectionsOf("c").SetOf(0).Members == 0b111), group.Describe());
        group.Run(100);
        return group;
    }
}

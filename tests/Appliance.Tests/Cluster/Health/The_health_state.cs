using Appliance.Cluster.Health;
using Appliance.Multicast;

namespace Appliance.Tests.Cluster.Health;

public sealed class The_health_state
{
    private static readonly HealthThresholds Thresholds = new(Rise: 2, Fall: 3, TimeSpan.Zero);

    [Theory]
    [InlineData("+", "U"), InlineData("-", "D")] // the first result decides
    [InlineData("+--", "U"), InlineData("+---", "D"), InlineData("+--+--", "U"), InlineData("+--+---", "D")]
    [InlineData("-+", "D"), InlineData("-++", "U"), InlineData("-+-+", "D"), InlineData("-+-++", "U")]
    [InlineData("+---++", "U"), InlineData("+---++--", "U"), InlineData("+---++---", "D")]
    public void Changes_after_enough_results_in_a_row(string results, string end)
    {
        var state = new HealthState();

        foreach (char result in results) state.OnResult(new Timestamp(1), result == '+', Thresholds);

        Assert.Equal(end == "U" ? TargetHealth.Up : TargetHealth.Down, state.Health);
    }

    [Fact]
    public void Is_unknown_before_the_first_result() => Assert.Equal(TargetHealth.Unknown, new HealthState().Health);

    [Fact]
    public void Says_when_it_has_changed()
    {
        var state = new HealthState();

        bool[] changes = [.. "++---++".Select(result => state.OnResult(new Timestamp(1), result == '+', Thresholds))];

        Assert.Equal([true, false, false, false, true, false, true], changes);
    }

    [Fact]
    public void Stays_down_for_the_hold_down_whatever_the_results()
    {
        var state = new HealthState();
        HealthThresholds held = Thresholds with { HoldDown = TimeSpan.FromSeconds(10) };
        Timestamp start = new(1_000_000_000);
        state.OnResult(start, good: false, held);

        for (int second = 1; second < 10; second++) Assert.False(state.OnResult(start + TimeSpan.FromSeconds(second), good: true, held));

        Assert.True(state.OnResult(start + TimeSpan.FromSeconds(10), good: true, held));
    }
}

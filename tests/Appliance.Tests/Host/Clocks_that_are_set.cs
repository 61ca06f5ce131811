using Appliance.Host;
using Appliance.Multicast;

namespace Appliance.Tests.Host;

public sealed class Clocks_that_are_set
{
    private readonly List<string> _told = [];
    private long _wall = 1_700_000_000_000;
    private Timestamp _now = new(5_000_000_000);

    [Theory]
    [InlineData(3_600_000, "this node's wall clock was set forward by 3600.0 s: while it is primary, lifetimes of records end earlier by as much; leases are not touched")]
    [InlineData(-1_500, "this node's wall clock was set back by 1.5 s: while it is primary, lifetimes of records end later by as much; leases are not touched")]
    public void Are_told_once_and_shown_for_a_while(long jump, string sentence)
    {
        ClockWatch watch = Watch();
        Pass(watch, seconds: 5);
        _wall += jump;
        Pass(watch, seconds: 5);

        Assert.Equal([sentence], _told);
        Assert.Equal([sentence], watch.Warnings(_now, []));
        Pass(watch, seconds: 600);
        Assert.Empty(watch.Warnings(_now, []));
    }

    [Fact]
    public void Are_not_confused_with_a_clock_that_is_slewed_or_a_node_that_did_not_run()
    {
        ClockWatch watch = Watch();
        for (int i = 0; i < 100; i++)
        {
            Pass(watch, seconds: 1);
            _wall += 500;
        }
        Pass(watch, seconds: 1);
        (_now, _wall) = (_now + TimeSpan.FromHours(1), _wall + 3_600_000);
        Pass(watch, seconds: 1);

        Assert.Empty(_told);
        Assert.Empty(watch.Warnings(_now, []));
    }

    [Theory]
    [InlineData(999, null)]
    [InlineData(2_500, "the wall clock of 'b' is 2.5 s ahead of this node's: lifetimes of records change by as much when a service moves between them; let both follow a time server")]
    [InlineData(-60_000, "the wall clock of 'b' is 60.0 s behind this node's: lifetimes of records change by as much when a service moves between them; let both follow a time server")]
    public void Are_named_when_they_are_another_members(long offset, string? sentence)
    {
        GroupMember b = new(NodeId.FromName("b"), "b", 1) { State = MemberState.Live, ClockOffsetMilliseconds = offset };

        Assert.Equal(sentence is null ? [] : [sentence], Watch().Warnings(_now, [b]));
    }

    private ClockWatch Watch() => new(() => _wall, _told.Add);

    private void Pass(ClockWatch watch, int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            (_now, _wall) = (_now + TimeSpan.FromSeconds(1), _wall + 1000);
            watch.OnRoundEnd(_now);
        }
    }
}

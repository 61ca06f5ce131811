using Appliance.Cluster.Elections;
using Appliance.Cluster.Failover;
using Appliance.Multicast;

namespace Appliance.Tests.Cluster.Failover;

public sealed class Remembering_takeovers
{
    private static Timestamp At(long milliseconds) => new(milliseconds * 1_000_000);

    [Fact]
    public void Notes_each_step_and_how_long_it_took()
    {
        var log = new TakeoverLog(2);
        log.Begin(1, At(100));
        log.Begin(1, At(105)); // the first one counts
        log.Elected(1, "demo", 7, ElectionKind.Ordinary, At(112));
        log.Collected(1, At(113));
        log.Served(1, At(114), At(115));

        TakeoverRecord record = Assert.Single(log.Records);
        Assert.Equal(("demo", 7u, ElectionKind.Ordinary), (record.Service, record.Term, record.Kind));
        Assert.Equal((At(100), At(112), At(113), At(114), At(115)), (record.Begun, record.Elected, record.Collected, record.Cut, record.Serving));
        Assert.Equal((1L, TimeSpan.FromMilliseconds(15)), (log.Completed, log.Total));
        Assert.Equal(1, log.CountOf(Array.IndexOf(TakeoverLog.Bounds, 0.02)));
    }

    [Fact]
    public void A_suspicion_that_was_withdrawn_or_is_long_past_began_nothing()
    {
        var log = new TakeoverLog(1);
        log.Begin(0, At(100));
        log.Forget(0);
        log.Elected(0, "demo", 1, ElectionKind.Ordinary, At(200));
        log.Begin(0, At(300));
        log.Elected(0, "demo", 2, ElectionKind.Ordinary, At(60_000));
        Assert.All(log.Records, static record => Assert.Null(record.Begun));
    }

    [Fact]
    public void What_came_to_nothing_stays_in_the_list_and_is_not_counted()
    {
        var log = new TakeoverLog(1);
        log.Elected(0, "demo", 1, ElectionKind.Ordinary, At(10));
        log.Ended(0);
        log.Served(0, At(11), At(12));
        Assert.Null(Assert.Single(log.Records).Serving);
        Assert.Equal(0, log.Completed);
    }

    [Fact]
    public void Forgets_the_oldest()
    {
        var log = new TakeoverLog(1);
        for (uint term = 1; term <= TakeoverLog.Capacity + 3; term++) log.Elected(0, "demo", term, ElectionKind.Ordinary, At(term));
        Assert.Equal(TakeoverLog.Capacity, log.Records.Count);
        Assert.Equal(4u, log.Records.First().Term);
    }
}

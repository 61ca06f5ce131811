using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Tests.Multicast.Transport;

public sealed class ProgressWatchTests
{
    private static Timestamp At(int milliseconds) => new(milliseconds * 1_000_000L);

    [Fact]
    public void Nothing_hangs_while_every_counter_changes_within_the_limit()
    {
        var watch = new ProgressWatch(TimeSpan.FromMilliseconds(100));
        long first = 0, second = 0;
        watch.Add("first", () => first);
        watch.Add("second", () => second);
        for (int time = 0; time < 1000; time += 90)
        {
            first++;
            second--;
            Assert.True(watch.Check(At(time)));
        }
        Assert.Null(watch.Hanging);
    }

    [Fact]
    public void One_counter_that_stands_still_is_named_until_it_moves_or_is_forgotten()
    {
        var watch = new ProgressWatch(TimeSpan.FromMilliseconds(100));
        long first = 0, second = 0;
        watch.Add("first", () => ++first);
        watch.Add("second", () => second);
        Assert.True(watch.Check(At(0)));
        Assert.True(watch.Check(At(100)));
        Assert.False(watch.Check(At(101)));
        Assert.Equal("second", watch.Hanging);
        second++;
        Assert.True(watch.Check(At(102)));
        Assert.False(watch.Check(At(300)));
        watch.Remove("second");
        Assert.True(watch.Check(At(301)));
        Assert.Null(watch.Hanging);
    }
}

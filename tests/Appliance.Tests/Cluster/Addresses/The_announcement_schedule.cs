using Appliance.Cluster.Addresses;
using Appliance.Multicast;

namespace Appliance.Tests.Appliance.Cluster.Addresses;

public sealed class The_announcement_schedule
{
    private static readonly Timestamp Start = new(1_000_000_000);

    [Fact]
    public void Is_silent_until_it_begins_and_after_it_stops()
    {
        var schedule = new AnnouncementSchedule(TimeSpan.Zero);
        Assert.Equal(Timestamp.Never, schedule.NextDue);
        Assert.False(schedule.TryTakeDue(Start));
        schedule.Begin(Start);
        Assert.True(schedule.TryTakeDue(Start));
        schedule.Stop();
        Assert.False(schedule.TryTakeDue(Start + TimeSpan.FromHours(1)));
    }

    [Fact]
    public void Announces_at_once_then_ever_more_rarely_then_not_at_all()
    {
        var schedule = new AnnouncementSchedule(TimeSpan.Zero);
        schedule.Begin(Start);
        List<double> times = Follow(schedule, AnnouncementSchedule.Burst + 5);
        Assert.Equal([0, 10, 50, 150, 500, 1000, 2000, 5000, 10000], times);
        Assert.Equal(Timestamp.Never, schedule.NextDue);
    }

    [Fact]
    public void Refreshes_when_asked_to()
    {
        var schedule = new AnnouncementSchedule(TimeSpan.FromSeconds(60));
        schedule.Begin(Start);
        Assert.Equal([70000, 130000, 190000], Follow(schedule, AnnouncementSchedule.Burst + 3)[AnnouncementSchedule.Burst..]);
    }

    [Fact]
    public void Begins_anew_when_a_member_returns()
    {
        var schedule = new AnnouncementSchedule(TimeSpan.Zero);
        schedule.Begin(Start);
        Follow(schedule, AnnouncementSchedule.Burst);
        Timestamp again = Start + TimeSpan.FromSeconds(30);
        schedule.Begin(again);
        Assert.Equal(again, schedule.NextDue);
        Assert.Equal([30000, 30010, 30050], Follow(schedule, 3));
    }

    [Fact]
    public void One_that_is_late_is_made_once()
    {
        var schedule = new AnnouncementSchedule(TimeSpan.Zero);
        schedule.Begin(Start);
        Timestamp late = Start + TimeSpan.FromMilliseconds(600);
        Assert.True(schedule.TryTakeDue(late));
        Assert.False(schedule.TryTakeDue(late));
        Assert.Equal(Start + TimeSpan.FromSeconds(1), schedule.NextDue);
    }

    /// <summary>Times in milliseconds since the start, of at most so many announcements.</summary>
    private static List<double> Follow(AnnouncementSchedule schedule, int count)
    {
        var times = new List<double>();
        while (times.Count < count && schedule.NextDue != Timestamp.Never)
        {
            Timestamp due = schedule.NextDue;
            Assert.False(schedule.TryTakeDue(due - TimeSpan.FromTicks(1)));
            Assert.True(schedule.TryTakeDue(due));
            times.Add((due - Start).TotalMilliseconds);
        }
        return times;
    }
}

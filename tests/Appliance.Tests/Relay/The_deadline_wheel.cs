using Appliance.Listeners.Connections;
using Appliance.Multicast;

namespace Appliance.Tests.Relay;

public sealed class The_deadline_wheel
{
    private static readonly Timestamp Start = new(5_000_000_123);

    [Theory]
    [InlineData(1), InlineData(10), InlineData(999), InlineData(40_000), InlineData(41_000), InlineData(500_000)]
    public void Wakes_in_time_and_not_before(int milliseconds)
    {
        var wheel = new DeadlineWheel(Start);
        var sleeper = new Sleeper { At = Start + TimeSpan.FromMilliseconds(milliseconds) };
        wheel.Add(sleeper);

        while (sleeper.WokenAt is null) wheel.Advance(wheel.NextDeadline);

        Assert.InRange((sleeper.WokenAt.Value - sleeper.At).TotalMilliseconds, 0, DeadlineWheel.Tick.TotalMilliseconds);
        Assert.Equal(Timestamp.Never, wheel.NextDeadline);
    }

    [Fact]
    public void Wakes_one_that_was_put_off_at_its_new_time()
    {
        var wheel = new DeadlineWheel(Start);
        var sleeper = new Sleeper { At = Start + TimeSpan.FromMilliseconds(50) };
        wheel.Add(sleeper);

        sleeper.At = Start + TimeSpan.FromSeconds(3);
        while (sleeper.WokenAt is null) wheel.Advance(wheel.NextDeadline);

        Assert.InRange((sleeper.WokenAt.Value - sleeper.At).TotalMilliseconds, 0, DeadlineWheel.Tick.TotalMilliseconds);
    }

    [Fact]
    public void Agrees_with_a_sorted_list_whatever_is_added_removed_and_slept_through()
    {
        var random = new Random(11);
        var wheel = new DeadlineWheel(Start);
        var sleepers = new List<Sleeper>();
        Timestamp now = Start;
        for (int step = 0; step < 20_000; step++)
        {
            int choice = random.Next(10);
            if (choice < 5)
            {
                var sleeper = new Sleeper { At = now + TimeSpan.FromMilliseconds(random.Next(100_000)), RemovesOnWaking = sleepers.Count > 0 && random.Next(4) == 0 ? sleepers[random.Next(sleepers.Count)] : null, Wheel = wheel };
                sleepers.Add(sleeper);
                wheel.Add(sleeper);
            }
            else if (choice < 6 && sleepers.Count > 0)
            {
                Sleeper removed = sleepers[random.Next(sleepers.Count)];
                wheel.Remove(removed);
                removed.IsRemoved = true;
            }
            else
            {
                now += TimeSpan.FromMilliseconds(random.Next(random.Next(50) == 0 ? 100_000 : 500));
                wheel.Advance(now);
                foreach (Sleeper late in sleepers.Where(sleeper => !sleeper.IsRemoved && sleeper.At + DeadlineWheel.Tick <= now)) Assert.NotNull(late.WokenAt);
                Assert.All(sleepers.Where(static sleeper => sleeper.WokenAt is not null), sleeper => Assert.True(sleeper.At <= now));
                sleepers.RemoveAll(static sleeper => sleeper.IsRemoved || sleeper.WokenAt is not null);
                Assert.Equal(sleepers.Count, wheel.Count);
            }
        }
    }

    private sealed class Sleeper : Timed
    {
        internal Timestamp At { get; set; }

        internal Timestamp? WokenAt { get; private set; }

        internal bool IsRemoved { get; set; }

        internal Sleeper? RemovesOnWaking { get; init; }

        internal DeadlineWheel? Wheel { get; init; }

        internal override Timestamp Deadline => At;

        internal override void OnDeadline(Timestamp now)
        {
            Assert.Null(WokenAt);
            Assert.False(IsRemoved);
            WokenAt = now;
            if (RemovesOnWaking is null) return;
            Wheel!.Remove(RemovesOnWaking);
            RemovesOnWaking.IsRemoved = true;
        }
    }
}

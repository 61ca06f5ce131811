namespace Appliance.Tests.Simulation.Kernel;

/// <summary>What the simulator itself must be able to do, or its verdicts mean nothing.</summary>
public sealed class EventQueueTests
{
    [Fact]
    public void Events_come_in_order_of_time_and_ties_in_order_of_scheduling()
    {
        SimulationRandom random = new(1);
        EventQueue queue = new();
        for (int i = 0; i < 5000; i++) queue.Add(random.Below(500), EventKind.Round, i);
        SimulationEvent last = queue.Take();
        while (queue.Count > 0)
        {
            SimulationEvent next = queue.Take();
            Assert.True(next.Time > last.Time || (next.Time == last.Time && next.Node > last.Node));
            last = next;
        }
    }

    [Fact]
    public void A_node_reaches_its_deadline_at_the_virtual_time_that_its_clock_says()
    {
        NodeClock clock = new(123_456, -150, 0);
        Multicast.Timestamp deadline = clock.Monotonic(7_000_000_000) + TimeSpan.FromMilliseconds(20);
        long time = clock.VirtualTimeOf(deadline);
        Assert.True(clock.Monotonic(time) >= deadline);
        Assert.True(clock.Monotonic(time - 2) < deadline);
        Assert.InRange(time, 7_020_000_000, 7_020_010_000);
    }
}

using Appliance.Multicast;

namespace Appliance.Tests.Simulation.Kernel;

/// <summary>A node's clocks: a monotonic one that drifts and has an origin of its own, and a wall clock that can be stepped.</summary>
internal sealed class NodeClock
{
    private readonly long _origin;
    private readonly double _rate;
    private long _wallOffsetMilliseconds;

    /// <param name="origin">What the monotonic clock shows at virtual time 0, in nanoseconds.</param>
    /// <param name="driftPartsPerMillion">How much faster than virtual time it goes; negative for slower.</param>
    /// <param name="wallOffsetMilliseconds">Error of the wall clock.</param>
    internal NodeClock(long origin, int driftPartsPerMillion, long wallOffsetMilliseconds)
    {
        _origin = origin;
        _rate = 1 + driftPartsPerMillion / 1e6;
        _wallOffsetMilliseconds = wallOffsetMilliseconds;
    }

    /// <summary>The node's monotonic time at a virtual time.</summary>
    internal Timestamp Monotonic(long time) => new(_origin + (long)(time * _rate));

    /// <summary>The first virtual time at which the node's monotonic clock has reached a deadline; <see cref="long.MaxValue"/> for never.</summary>
    internal long VirtualTimeOf(Timestamp deadline)
    {
        if (deadline == Timestamp.Never) return long.MaxValue;
        long time = (long)((deadline.Nanoseconds - _origin) / _rate);
        while (Monotonic(time) < deadline) time++;
        return time;
    }

    /// <summary>The node's wall time in milliseconds since 1970 at a virtual time.</summary>
    internal long WallMilliseconds(long time) => EpochMilliseconds + (long)(time * _rate) / 1_000_000 + _wallOffsetMilliseconds;

    /// <summary>Somebody sets the wall clock.</summary>
    internal void StepWall(long milliseconds) => _wallOffsetMilliseconds += milliseconds;

    private const long EpochMilliseconds = 1_800_000_000_000;
}

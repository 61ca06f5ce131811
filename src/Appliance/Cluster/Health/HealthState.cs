using Appliance.Multicast;

namespace Appliance.Cluster.Health;

/// <summary>What is known about a checked target.</summary>
internal enum TargetHealth
{
    /// <summary>No check has ended yet.</summary>
    Unknown,

    /// <summary>It works.</summary>
    Up,

    /// <summary>It does not.</summary>
    Down,
}

/// <summary>When a target changes between up and down.</summary>
/// <param name="Rise">Good checks in a row after which it is up.</param>
/// <param name="Fall">Failed checks in a row after which it is down.</param>
/// <param name="HoldDown">Least time for which it stays down.</param>
internal sealed record HealthThresholds(int Rise, int Fall, TimeSpan HoldDown);

/// <summary>Decides from the results of checks whether a target is up. No I/O, no clock: the caller brings both.</summary>
internal sealed class HealthState
{
    private Timestamp _downAt;
    private int _inRow; // results in a row that speak against the present state

    /// <summary>What is known now.</summary>
    public TargetHealth Health { get; private set; } = TargetHealth.Unknown;

    /// <summary>Takes the result of a check. The first one decides at once: before it nothing was known, and a start must not wait for a row.</summary>
    /// <returns>The state has changed.</returns>
    public bool OnResult(Timestamp now, bool good, HealthThresholds thresholds)
    {
        if (Health == TargetHealth.Unknown) return Turn(now, good);
        if (good == (Health == TargetHealth.Up))
        {
            _inRow = 0;
            return false;
        }
        _inRow++;
        if (_inRow < (good ? thresholds.Rise : thresholds.Fall)) return false;
        if (good && now - _downAt < thresholds.HoldDown) return false; // hold-down damps flapping; the row goes on meanwhile
        return Turn(now, good);
    }

    private bool Turn(Timestamp now, bool good)
    {
        Health = good ? TargetHealth.Up : TargetHealth.Down;
        if (!good) _downAt = now;
        _inRow = 0;
        return true;
    }
}

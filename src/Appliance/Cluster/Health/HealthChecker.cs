using Appliance.Cluster.Programs;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.Multicast.Transport;

namespace Appliance.Cluster.Health;

/// <summary>Runs the checks of many targets on a loop. Loop thread, or any thread before the loop runs.</summary>
internal sealed class HealthChecker : IRoundHandler, IDisposable
{
    private readonly List<HealthCheck> _checks = [];

    internal HealthChecker(EventLoop loop, ProgramRunner programs)
    {
        Loop = loop;
        Programs = programs;
        loop.Add(this);
    }

    /// <inheritdoc/>
    public Timestamp NextDeadline { get; private set; } = Timestamp.Never;

    internal EventLoop Loop { get; }

    internal ProgramRunner Programs { get; }

    /// <summary>Begins to check a target; null when there is nothing to check.</summary>
    /// <param name="settings">What is done.</param>
    /// <param name="onChange">Called on the loop thread when <see cref="HealthCheck.Health"/> has changed.</param>
    internal HealthCheck? Add(HealthCheckSettings settings, Action<HealthCheck> onChange)
    {
        if (settings.Rule.Kind == HealthCheckKind.None) return null;
        var check = new HealthCheck(this, settings, onChange);
        _checks.Add(check);
        return check;
    }

    /// <summary>Checks a target no longer.</summary>
    internal void Remove(HealthCheck check)
    {
        check.Stop();
        _checks.Remove(check);
    }

    /// <summary>A check becomes due.</summary>
    internal void Expect(Timestamp due) => NextDeadline = Timestamp.Min(NextDeadline, due);

    /// <inheritdoc/>
    public void OnRoundEnd(Timestamp now)
    {
        if (now < NextDeadline) return;
        NextDeadline = Timestamp.Never;
        for (int i = 0; i < _checks.Count; i++)
        {
            if (_checks[i].Due <= now) _checks[i].OnDue(now);
            else Expect(_checks[i].Due);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (HealthCheck check in _checks) check.Stop();
        _checks.Clear();
        Loop.Remove(this);
    }
}

using Appliance.Cluster.Programs;
using Appliance.Configuration;
using Appliance.Multicast;

namespace Appliance.Cluster.Health;

/// <summary>The checks of one target, one after another. Loop thread.</summary>
internal sealed class HealthCheck
{
    private static readonly TimeSpan ProgramGrace = TimeSpan.FromSeconds(5); // to be killed and reaped after its own deadline
    private readonly HealthChecker _checker;
    private readonly Action<HealthCheck> _onChange;
    private SocketProbe? _probe;
    private HealthState _state = new();
    private Timestamp _startedAt;
    private int _run; // tells the check that runs from one that was given up
    private bool _isRunning;
    private bool _isStopped;

    internal HealthCheck(HealthChecker checker, HealthCheckSettings settings, Action<HealthCheck> onChange)
    {
        _checker = checker;
        _onChange = onChange;
        Settings = settings;
        Due = checker.Loop.Now;
    }

    /// <summary>What is known.</summary>
    internal TargetHealth Health => _state.Health;

    /// <summary>Why the last check failed; empty when it was good.</summary>
    internal string Why { get; private set; } = "";

    /// <summary>Checks that failed.</summary>
    internal long Failures { get; private set; }

    /// <summary>In force from the next check on.</summary>
    internal HealthCheckSettings Settings { get; private set; }

    /// <summary>When <see cref="OnDue"/> is to be called.</summary>
    internal Timestamp Due
    {
        get;
        private set
        {
            field = value;
            _checker.Expect(value);
        }
    }

    /// <summary>Changes what is checked; what is known stays, unless it is something else that is checked now.</summary>
    internal void Use(HealthCheckSettings settings)
    {
        bool other = settings.Rule != Settings.Rule;
        if (!other && settings.IsSameAs(Settings)) return;
        Settings = settings;
        if (other) _state = new HealthState();
        if (!_isRunning) Due = _checker.Loop.Now;
    }

    /// <summary>Starts a check, or gives up the one that runs.</summary>
    internal void OnDue(Timestamp now)
    {
        if (_isRunning) End(_run, false, $"no answer within {Settings.Timeout.TotalMilliseconds:0} ms");
        else Start(now);
    }

    /// <summary>Nothing is reported any more.</summary>
    internal void Stop()
    {
        _isStopped = true;
        _probe?.Dispose();
    }

    private void Start(Timestamp now)
    {
        _isRunning = true;
        _startedAt = now;
        Due = now + Settings.Timeout;
        int run = ++_run;
        if (Settings.Rule.Kind == HealthCheckKind.Command)
        {
            Due += ProgramGrace;
            _ = RunProgramAsync(run, Settings);
            return;
        }
        _probe = SocketProbe.Start(_checker.Loop, Settings, (good, why) => End(run, good, why), out string failed);
        if (_probe is null) End(run, false, failed);
    }

    private async Task RunProgramAsync(int run, HealthCheckSettings settings)
    {
        ProgramResult result = await Task.Run(() => _checker.Programs.RunAsync([.. settings.Rule.Command, .. settings.Arguments], settings.Environment, settings.Timeout)).ConfigureAwait(false);
        _checker.Loop.Post(() => End(run, result.IsGood, result.ToString()));
    }

    private void End(int run, bool good, string why)
    {
        if (run != _run || !_isRunning || _isStopped) return;
        _isRunning = false;
        _probe?.Dispose();
        _probe = null;
        Why = good ? "" : why;
        if (!good) Failures++;
        Due = Timestamp.Max(_startedAt + Settings.Interval, _checker.Loop.Now);
        if (_state.OnResult(_checker.Loop.Now, good, Settings.Thresholds)) _onChange(this);
    }
}

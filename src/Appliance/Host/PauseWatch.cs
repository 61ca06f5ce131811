namespace Appliance.Host;

/// <summary>Watches how long the garbage collector stops the world: a stopped process sends no heartbeats, whatever its threads' priority.</summary>
internal sealed class PauseWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private readonly Timer _timer;
    private TimeSpan _seen = GC.GetTotalPauseDuration();
    private long _longestTicks;

    internal PauseWatch() => _timer = new Timer(static state => ((PauseWatch)state!).Look(), this, Interval, Interval);

    /// <summary>Longest pause; of several within 200 ms their sum. Any thread.</summary>
    internal TimeSpan Longest => new(Volatile.Read(ref _longestTicks));

    /// <summary>All pauses together. Any thread.</summary>
    internal static TimeSpan Total => GC.GetTotalPauseDuration();

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        TimeSpan total = GC.GetTotalPauseDuration();
        long pause = (total - _seen).Ticks;
        _seen = total;
        if (pause > Volatile.Read(ref _longestTicks)) Volatile.Write(ref _longestTicks, pause);
    }
}

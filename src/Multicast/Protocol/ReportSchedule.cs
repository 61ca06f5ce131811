namespace Appliance.Multicast.Protocol;

/// <summary>When one receiver reports one stream. Rules P-42 to P-48.</summary>
internal sealed class ReportSchedule
{
    /// <summary>Longest time between two reports of a quiet stream: a lost last report is made good by then.</summary>
    public static readonly TimeSpan IdleInterval = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan LongestRetry = TimeSpan.FromMilliseconds(100);
    private TimeSpan _periodicInterval;
    private TimeSpan _retry;

    /// <summary>A DATA asked for it (P-43).</summary>
    public bool AcknowledgeNow { get; set; }

    /// <summary>Datagrams received since the last report.</summary>
    public int DatagramsSinceReport { get; set; }

    /// <summary>When to report without another reason.</summary>
    public Timestamp PeriodicAt { get; private set; } = Timestamp.Never;

    /// <summary>When to report the gaps.</summary>
    public Timestamp GapsAt { get; private set; } = Timestamp.Never;

    /// <summary>The same gaps were reported already, and nothing came of it.</summary>
    public bool IsRetrying => _retry > TimeSpan.Zero;

    /// <summary>The earliest of all.</summary>
    public Timestamp DueAt => AcknowledgeNow ? new Timestamp(0) : Timestamp.Min(PeriodicAt, GapsAt);

    /// <summary>Something new can be said: within one interval (P-42).</summary>
    public void OnProgress(Timestamp now, TimeSpan interval)
    {
        if (_periodicInterval > interval || PeriodicAt == Timestamp.Never)
        {
            PeriodicAt = Timestamp.Min(PeriodicAt, now + interval);
            _periodicInterval = interval;
        }
        _retry = TimeSpan.Zero;
    }

    /// <summary>Report at the next opportunity.</summary>
    public void Hurry(Timestamp now) => PeriodicAt = Timestamp.Min(PeriodicAt, now);

    /// <summary>New gaps were seen (P-44).</summary>
    public void OnGap(Timestamp now, TimeSpan delay) => GapsAt = Timestamp.Min(GapsAt, now + delay);

    /// <summary>Somebody else asked for all that is missing here (P-48).</summary>
    public void Suppress(Timestamp until) => GapsAt = until;

    /// <summary>Nothing is missing.</summary>
    public void OnComplete()
    {
        GapsAt = Timestamp.Never;
        _retry = TimeSpan.Zero;
    }

    /// <summary>A report was sent; the next one comes later and later until something happens (P-45, P-46).</summary>
    public void OnSent(Timestamp now, TimeSpan interval, bool withGaps, TimeSpan firstRetry)
    {
        AcknowledgeNow = false;
        DatagramsSinceReport = 0;
        if (_periodicInterval < interval) _periodicInterval = interval;
        PeriodicAt = now + _periodicInterval;
        _periodicInterval = TimeSpan.FromTicks(Math.Min(_periodicInterval.Ticks * 2, IdleInterval.Ticks));
        if (!withGaps) return;
        if (_retry == TimeSpan.Zero) _retry = firstRetry;
        GapsAt = now + _retry;
        _retry = TimeSpan.FromTicks(Math.Min(_retry.Ticks * 3 / 2, LongestRetry.Ticks));
    }

    /// <summary>Nobody will listen any more.</summary>
    public void Stop()
    {
        PeriodicAt = GapsAt = Timestamp.Never;
        AcknowledgeNow = false;
    }
}

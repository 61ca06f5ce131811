using Appliance.Multicast;

namespace Appliance.Drills;

/// <summary>When probes were started, how late that was, and when they succeeded. Bounded; allocates nothing while it measures.</summary>
internal sealed class ProbeTimes
{
    /// <summary>Five minutes of a probe each millisecond; what comes later is counted and not kept.</summary>
    private const int Capacity = 300_000;

    /// <summary>So many answers, and nothing of the first connection or the compiler is in the next.</summary>
    private const int Enough = 20;

    private readonly long[] _started = new long[Capacity], _late = new long[Capacity], _succeeded = new long[Capacity];
    private readonly TaskCompletionSource _running = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes once enough probes were answered that the next show what is usual; any thread.</summary>
    internal Task Running => _running.Task;

    /// <summary>Probes that were started.</summary>
    internal int Started { get; private set; }

    /// <summary>Probes that were answered.</summary>
    internal int Succeeded { get; private set; }

    /// <summary>Probes that were answered with a refusal (RST, or an error of the network).</summary>
    internal int Refused { get; private set; }

    /// <summary>A probe starts now and should have started at <paramref name="due"/>.</summary>
    internal void Start(Timestamp due, Timestamp now)
    {
        if (Started == Capacity) return;
        _started[Started] = now.Nanoseconds;
        _late[Started++] = now.Nanoseconds - due.Nanoseconds;
    }

    /// <summary>A probe was answered.</summary>
    internal void Succeed(Timestamp now)
    {
        if (Succeeded == Capacity) return;
        _succeeded[Succeeded++] = now.Nanoseconds;
        if (Succeeded == Enough) _running.SetResult();
    }

    /// <summary>A probe was refused.</summary>
    internal void Refuse() => Refused++;

    /// <summary>The longest time between two answers that follow each other, of those pairs that end after <paramref name="from"/> and begin before <paramref name="until"/>.</summary>
    /// <param name="from">When the fault was made.</param>
    /// <param name="until">When the service had long been back: what disturbs later belongs to the repair.</param>
    /// <returns>Null when no answer came after <paramref name="from"/>.</returns>
    internal ProbeGap? LongestGap(Timestamp from, Timestamp until)
    {
        ProbeGap? longest = null;
        for (int i = 1; i < Succeeded; i++)
        {
            if (_succeeded[i] <= from.Nanoseconds) continue;
            if (_succeeded[i - 1] >= until.Nanoseconds) break;
            if (longest is { } known && _succeeded[i] - _succeeded[i - 1] <= known.First.Nanoseconds - known.Last.Nanoseconds) continue;
            longest = new ProbeGap(new Timestamp(_succeeded[i - 1]), new Timestamp(_succeeded[i]), default);
        }
        return longest is { } gap ? gap with { Lateness = WorstLateness(gap.Last, gap.First) } : null;
    }

    /// <summary>How late the latest of the probes was that should have started in a span: by so much the prober itself may have lengthened what it measured there.</summary>
    internal TimeSpan WorstLateness(Timestamp from, Timestamp until)
    {
        long worst = 0;
        for (int i = 0; i < Started; i++)
        {
            long due = _started[i] - _late[i];
            if (_started[i] >= from.Nanoseconds && due <= until.Nanoseconds) worst = Math.Max(worst, _late[i]);
        }
        return TimeSpan.FromTicks(worst / TimeSpan.NanosecondsPerTick);
    }
}

/// <summary>An interruption.</summary>
/// <param name="Last">Last answer before it.</param>
/// <param name="First">First answer after it.</param>
/// <param name="Lateness">Worst lateness of the prober itself meanwhile.</param>
internal readonly record struct ProbeGap(Timestamp Last, Timestamp First, TimeSpan Lateness)
{
    /// <summary>How long it was.</summary>
    internal TimeSpan Length => First - Last;
}

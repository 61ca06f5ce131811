using Appliance.Multicast.Wire;

namespace Appliance.Multicast.Protocol;

/// <summary>What one receiver last said of our stream, and what we still owe it.</summary>
internal sealed class PeerView
{
    private readonly SequenceRange[] _wanted = new SequenceRange[ReportView.MaxRanges];
    private int _wantedCount;
    private int _rangeIndex;
    private ulong _next;

    /// <summary>Datagrams beyond the contiguous ones for which it has room.</summary>
    public uint Window { get; set; }

    /// <summary>Counter of the newest report.</summary>
    public ulong ReportCounter { get; set; }

    /// <summary>It has reported our stream at least once: only then can it hold the sender back (P-70).</summary>
    public bool Reported { get; set; }

    /// <summary>On the judging clock: when its position advanced last, or had nothing to wait for.</summary>
    public Timestamp ProgressAt { get; set; }

    /// <summary>For how long it alone has held the sender back (P-74).</summary>
    public TimeSpan Blocking { get; set; }

    /// <summary>It was ejected for lagging: it must declare itself synchronised before it is waited for again (P-75).</summary>
    public bool Ejected { get; set; }

    /// <summary>Repairs sent since its newest report.</summary>
    public int Outstanding { get; set; }

    /// <summary>When the newest GONE went to it.</summary>
    public Timestamp GoneSentAt { get; set; } = new(long.MinValue / 2);

    /// <summary>It lacks something that was not looked at yet.</summary>
    public bool Wants => _rangeIndex < _wantedCount;

    /// <summary>Replaces what it lacks by its newest report, as far as it can be repaired; what was not served yet is in there again (P-61).</summary>
    public void Want(in ReportView report, ulong oldest, ulong newest)
    {
        _wantedCount = 0;
        for (int i = 0; i < report.RangeCount; i++)
        {
            var range = report[i];
            ulong first = Math.Max(range.First, oldest), last = Math.Min(range.Last, newest);
            if (first <= last) _wanted[_wantedCount++] = new SequenceRange(first, last);
        }
        _rangeIndex = 0;
        if (_wantedCount > 0) _next = _wanted[0].First;
    }

    /// <summary>Forgets what it lacks.</summary>
    public void WantNothing() => _wantedCount = _rangeIndex = 0;

    /// <summary>The next missing sequence, in order.</summary>
    public bool TryNext(out ulong sequence)
    {
        sequence = 0;
        if (!Wants) return false;
        sequence = _next;
        if (_next == _wanted[_rangeIndex].Last)
        {
            _rangeIndex++;
            if (Wants) _next = _wanted[_rangeIndex].First;
        }
        else
        {
            _next++;
        }
        return true;
    }

    /// <summary>Whether a sequence is still to be served.</summary>
    public bool StillWants(ulong sequence)
    {
        if (!Wants || sequence < _next) return false;
        for (int i = _rangeIndex; i < _wantedCount; i++)
        {
            if (sequence < _wanted[i].First) return false;
            if (sequence <= _wanted[i].Last) return true;
        }
        return false;
    }
}

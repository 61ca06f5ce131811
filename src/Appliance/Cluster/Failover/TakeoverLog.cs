using Appliance.Cluster.Elections;
using Appliance.Multicast;

namespace Appliance.Cluster.Failover;

/// <summary>The last takeovers of this node with their times, for <c>status</c>, drills and metrics. Loop thread. A takeover costs one small object; nothing is written in steady state.</summary>
internal sealed class TakeoverLog
{
    /// <summary>Older takeovers are forgotten.</summary>
    internal const int Capacity = 16;

    /// <summary>Upper bounds of the buckets of <see cref="CountOf"/>, in seconds.</summary>
    internal static readonly double[] Bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 10];

    // What was suspected longer ago than this did not lead to the election that comes now.
    private static readonly TimeSpan BeginningFor = TimeSpan.FromSeconds(10);

    private readonly Queue<TakeoverRecord> _records = new(Capacity);
    private readonly (Timestamp At, bool Is)[] _begun;
    private readonly TakeoverRecord?[] _open;
    private readonly long[] _counts = new long[Bounds.Length + 1];

    /// <param name="services">How many services there are.</param>
    internal TakeoverLog(int services)
    {
        _begun = new (Timestamp, bool)[services];
        _open = new TakeoverRecord?[services];
    }

    /// <summary>The last takeovers, the oldest first.</summary>
    internal IReadOnlyCollection<TakeoverRecord> Records => _records;

    /// <summary>Takeovers that came to serve since the node started.</summary>
    internal long Completed { get; private set; }

    /// <summary>How long all of them took together.</summary>
    internal TimeSpan Total { get; private set; }

    /// <summary>Those that took longer than the bound before and at most the bound of this bucket; the last bucket has no bound.</summary>
    internal long CountOf(int bucket) => _counts[bucket];

    /// <summary>The primary of a service is no longer heard, or offers the service; whichever comes first.</summary>
    internal void Begin(int service, Timestamp now)
    {
        if (!_begun[service].Is || now - _begun[service].At > BeginningFor) _begun[service] = (now, true);
    }

    /// <summary>It is heard again, or another one is.</summary>
    internal void Forget(int service) => _begun[service] = default;

    /// <summary>This node has won a service.</summary>
    internal void Elected(int service, string name, uint term, ElectionKind kind, Timestamp now)
    {
        (Timestamp at, bool has) = _begun[service];
        _begun[service] = default;
        if (_records.Count == Capacity) _records.Dequeue();
        _records.Enqueue(_open[service] = new TakeoverRecord(name, term, kind) { Begun = has && now - at <= BeginningFor ? at : null, Elected = now });
    }

    /// <summary>The members have said what they hold.</summary>
    internal void Collected(int service, Timestamp now)
    {
        if (_open[service] is { } record) record.Collected = now;
    }

    /// <summary>This node writes, and answers for the addresses.</summary>
    /// <param name="service">The service.</param>
    /// <param name="cut">When the cut was published.</param>
    /// <param name="serving">When the addresses were there.</param>
    internal void Served(int service, Timestamp cut, Timestamp serving)
    {
        if (_open[service] is not { } record) return;
        _open[service] = null;
        (record.Cut, record.Serving) = (cut, serving);
        TimeSpan duration = record.Duration ?? TimeSpan.Zero;
        Completed++;
        Total += duration;
        int bucket = Array.FindIndex(Bounds, bound => duration.TotalSeconds <= bound);
        _counts[bucket < 0 ? Bounds.Length : bucket]++;
    }

    /// <summary>The lease ended; a takeover under way stays in the list as it is.</summary>
    internal void Ended(int service) => _open[service] = null;
}

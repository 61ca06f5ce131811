namespace Appliance.Multicast.Transport;

/// <summary>Whether everything that must turn still turns: each watched counter must change within a time. Read by the heartbeat thread.</summary>
internal sealed class ProgressWatch
{
    private sealed class Watched(string name, Func<long> counter)
    {
        public readonly string Name = name;
        public readonly Func<long> Counter = counter;
        public long Last = long.MinValue;
        public Timestamp ChangedAt;
    }

    /// <summary>The counter of the group's own loop.</summary>
    internal const string Loop = "event loop";

    private readonly TimeSpan _limit;
    private Watched[] _watched = [];
    private string? _hanging;

    internal ProgressWatch(TimeSpan limit) => _limit = limit;

    /// <summary>What hangs now; null while everything turns. Any thread.</summary>
    internal string? Hanging => Volatile.Read(ref _hanging);

    /// <summary>The loop turns, but something else hangs: then the loop must keep silent too. Any thread.</summary>
    internal bool HangsBesideLoop => Hanging is { } hanging && hanging != Loop;

    /// <summary>Watches one more counter from now on. Any thread.</summary>
    internal void Add(string name, Func<long> counter)
    {
        Watched added = new(name, counter);
        while (true)
        {
            Watched[] before = Volatile.Read(ref _watched);
            Watched[] after = [.. before, added];
            if (Interlocked.CompareExchange(ref _watched, after, before) == before) return;
        }
    }

    /// <summary>Stops watching a counter. Any thread.</summary>
    internal void Remove(string name)
    {
        while (true)
        {
            Watched[] before = Volatile.Read(ref _watched);
            Watched[] after = [.. before.Where(watched => watched.Name != name)];
            if (Interlocked.CompareExchange(ref _watched, after, before) == before) return;
        }
    }

    /// <summary>Reads all counters. The heartbeat thread only.</summary>
    /// <returns>True while each of them has changed within the limit.</returns>
    internal bool Check(Timestamp now)
    {
        string? hanging = null;
        foreach (Watched watched in Volatile.Read(ref _watched))
        {
            long value = watched.Counter();
            if (value != watched.Last)
            {
                watched.Last = value;
                watched.ChangedAt = now;
            }
            else if (now - watched.ChangedAt > _limit)
            {
                hanging = watched.Name;
            }
        }
        Volatile.Write(ref _hanging, hanging);
        return hanging is null;
    }
}

using System.Globalization;
using System.Text;

namespace Appliance.Tests.Simulation.Kernel;

/// <summary>The last events of a run, kept for the moment at which an invariant fails. Recording allocates nothing; texts are made only when printed.</summary>
internal sealed class Trace
{
    private readonly Ring _events = new();
    private readonly Ring _traffic = new();

    /// <summary>Records something that happens seldom: faults, changes of members, gaps.</summary>
    /// <param name="time">Virtual nanoseconds.</param>
    /// <param name="node">Index of the node.</param>
    /// <param name="what">A constant text.</param>
    /// <param name="first">First figure.</param>
    /// <param name="second">Second figure.</param>
    /// <param name="third">Third figure.</param>
    internal void Event(long time, int node, string what, long first = 0, long second = 0, long third = 0) => _events.Add(new Entry(time, node, what, first, second, third));

    /// <summary>Records a message or a datagram; kept apart, so that traffic does not push out what explains it.</summary>
    internal void Traffic(long time, int node, string what, long first = 0, long second = 0, long third = 0) => _traffic.Add(new Entry(time, node, what, first, second, third));

    /// <summary>The newest entries in order of time.</summary>
    internal string Print(int most)
    {
        StringBuilder text = new();
        foreach (Entry entry in _events.Newest(most).Concat(_traffic.Newest(most / 4)).OrderBy(entry => entry.Time))
            text.Append(CultureInfo.InvariantCulture, $"{entry.Time / 1e6,12:F3} ms  node {entry.Node}  {entry.What} {entry.First} {entry.Second} {entry.Third}").AppendLine();
        return text.ToString();
    }

    private readonly record struct Entry(long Time, int Node, string What, long First, long Second, long Third);

    private sealed class Ring
    {
        private const int Capacity = 1024;
        private readonly Entry[] _entries = new Entry[Capacity];
        private long _written;

        internal void Add(in Entry entry) => _entries[_written++ % Capacity] = entry;

        internal IEnumerable<Entry> Newest(int most)
        {
            for (long i = Math.Max(0, _written - Math.Min(most, Capacity)); i < _written; i++) yield return _entries[i % Capacity];
        }
    }
}

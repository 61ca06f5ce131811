using System.Globalization;
using System.Text;

namespace Appliance.Tests.Simulation.Kernel;

/// <summary>The last events of a run, kept for the moment at which an invariant fails. Recording allocates nothing; texts are made only when printed.</summary>
internal sealed class Trace
{
    private const int Capacity = 4096;
    private readonly Entry[] _entries = new Entry[Capacity];
    private long _written;

    /// <summary>Records what happened.</summary>
    /// <param name="time">Virtual nanoseconds.</param>
    /// <param name="node">Index of the node.</param>
    /// <param name="what">A constant text.</param>
    /// <param name="first">First figure.</param>
    /// <param name="second">Second figure.</param>
    /// <param name="third">Third figure.</param>
    internal void Add(long time, int node, string what, long first = 0, long second = 0, long third = 0) =>
        _entries[_written++ % Capacity] = new Entry(time, node, what, first, second, third);

    /// <summary>The newest entries, oldest first.</summary>
    internal string Print(int most)
    {
        StringBuilder text = new();
        for (long i = Math.Max(0, _written - Math.Min(most, Capacity)); i < _written; i++)
        {
            Entry entry = _entries[i % Capacity];
            text.Append(CultureInfo.InvariantCulture, $"{entry.Time / 1e6,12:F3} ms  node {entry.Node}  {entry.What} {entry.First} {entry.Second} {entry.Third}").AppendLine();
        }
        return text.ToString();
    }

    private readonly record struct Entry(long Time, int Node, string What, long First, long Second, long Third);
}

using System.Diagnostics;
using Appliance.State;

namespace Appliance.Perf.Macro.Mirror;

/// <summary>Times resynchronisations by what the mirror says of them: from the decision to fetch a snapshot until the service is complete. Loop thread.</summary>
internal sealed class MirrorStopwatch
{
    private long _started;

    /// <summary>The last one.</summary>
    internal double Seconds { get; private set; }

    internal void Note(MirrorEvent kind, string text)
    {
        if (kind == MirrorEvent.Progress && text.Contains("fetching a snapshot", StringComparison.Ordinal)) _started = Stopwatch.GetTimestamp();
        if (kind == MirrorEvent.Synchronised && _started != 0) Seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        if (kind is MirrorEvent.Lost or MirrorEvent.NotSynchronised) Console.Error.WriteLine(text);
    }
}

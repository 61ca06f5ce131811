using System.Runtime.InteropServices;

namespace Appliance.Perf.Macro.Interop;

/// <summary>Processor time of the calling thread (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID).</summary>
internal static unsafe partial class ThreadClock
{
    private const int ThreadCpuTime = 3;

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }

    /// <summary>Nanoseconds that this thread has run.</summary>
    public static long Now()
    {
        TimeSpec time;
        if (clock_gettime(ThreadCpuTime, &time) != 0) throw new InvalidOperationException("No thread clock.");
        return time.Seconds * 1_000_000_000 + time.Nanoseconds;
    }

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial int clock_gettime(int clock, TimeSpec* time);
}

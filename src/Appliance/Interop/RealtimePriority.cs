using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>sched_setscheduler(2) for measuring threads.</summary>
internal static unsafe partial class RealtimePriority
{
    private const int Fifo = 1;

    /// <summary>Puts the calling thread under SCHED_FIFO. Needs CAP_SYS_NICE or RLIMIT_RTPRIO.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int Take(int priority) => sched_setscheduler(0, Fifo, &priority) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setscheduler(int thread, int policy, int* priority);
}

using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>Real-time priority and locked memory: sched_setscheduler(2), mlockall(2).</summary>
internal static unsafe partial class Scheduling
{
    private const int Fifo = 1, LockCurrent = 1, LockFuture = 2, LockOnFault = 4;

    /// <summary>Puts the calling thread under SCHED_FIFO. Needs CAP_SYS_NICE or RLIMIT_RTPRIO.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int MakeRealtime(int priority) => sched_setscheduler(0, Fifo, &priority) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Keeps the process's pages in memory once they are there (not those that are merely reserved). Needs CAP_IPC_LOCK or RLIMIT_MEMLOCK.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int LockMemory() => mlockall(LockCurrent | LockFuture | LockOnFault) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setscheduler(int thread, int policy, int* priority);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mlockall(int flags);
}

using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>kill(2).</summary>
internal static partial class Signals
{
    /// <summary>Sends a signal to one process.</summary>
    /// <returns>0 or the errno (ESRCH 3: there is none, EPERM 1: not ours).</returns>
    internal static int Send(int process, int signal) => kill(process, signal) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}

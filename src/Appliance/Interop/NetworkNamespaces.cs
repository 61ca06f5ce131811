using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>Network namespaces of threads (namespaces(7)).</summary>
internal static partial class NetworkNamespaces
{
    private const int NewNetwork = 0x40000000;

    /// <summary>unshare(2): gives the calling thread a network namespace of its own with nothing but a loopback link; it ends with the thread. Needs CAP_SYS_ADMIN.</summary>
    /// <returns>0 or the negated errno.</returns>
    internal static int Unshare() => unshare(NewNetwork) == 0 ? 0 : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}

using System.Runtime.InteropServices;

namespace Appliance.Tests.Multicast.Interop;

/// <summary>unshare(2) of the network namespace of one thread.</summary>
internal static partial class NetworkNamespaces
{
    private const int NewNetwork = 0x40000000;

    /// <summary>Gives the calling thread a network namespace of its own; sockets that it opens and processes and threads that it starts are in it.</summary>
    internal static void Unshare()
    {
        if (unshare(NewNetwork) != 0) throw new InvalidOperationException($"unshare failed: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>The calling thread's number, for /proc.</summary>
    internal static int ThreadNumber() => gettid();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc")]
    private static partial int gettid();
}

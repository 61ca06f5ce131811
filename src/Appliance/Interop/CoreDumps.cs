using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>prctl(2), PR_SET_DUMPABLE: whether the kernel writes this process's memory to a file, or lets others of its user read it.</summary>
internal static partial class CoreDumps
{
    private const int SetDumpable = 4;

    /// <summary>Never again in this process.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int Forbid() => prctl(SetDumpable, 0, 0, 0, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint first, nuint second, nuint third, nuint fourth);
}

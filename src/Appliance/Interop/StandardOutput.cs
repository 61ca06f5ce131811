using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>poll(2) of this process's standard output.</summary>
internal static unsafe partial class StandardOutput
{
    /// <summary>It is a pipe, and whoever read it is gone. The runtime drops what is written there without a word.</summary>
    internal static bool HasNoReader()
    {
        const short error = 8;
        Entry entry = new() { Descriptor = 1 };
        return poll(&entry, 1, 0) == 1 && (entry.Returned & error) != 0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        internal int Descriptor;
        internal short Asked, Returned;
    }

    [LibraryImport("libc")]
    private static partial int poll(Entry* entries, nuint count, int milliseconds);
}

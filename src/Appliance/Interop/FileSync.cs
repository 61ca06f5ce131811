using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>fsync(2) of a directory, which .NET's file streams cannot open.</summary>
internal static partial class FileSync
{
    private const int ReadOnly = 0, Directory = 0x10000, CloseOnExec = 0x80000;

    /// <summary>Makes a rename or a creation within the directory survive a loss of power.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int SyncDirectory(string path)
    {
        int descriptor = open(path, ReadOnly | Directory | CloseOnExec);
        if (descriptor < 0) return Marshal.GetLastPInvokeError();
        int error = fsync(descriptor) == 0 ? 0 : Marshal.GetLastPInvokeError();
        _ = close(descriptor);
        return error;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}

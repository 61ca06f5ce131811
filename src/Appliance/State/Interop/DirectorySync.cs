using System.Runtime.InteropServices;

namespace Appliance.State.Interop;

/// <summary>fsync(2) of a directory: makes a rename in it durable.</summary>
internal static partial class DirectorySync
{
    private const int ReadOnlyDirectory = 0x10000 | 0x80000; // O_RDONLY | O_DIRECTORY | O_CLOEXEC

    /// <summary>Writes a directory's entries to the disk.</summary>
    /// <returns>0, or the errno.</returns>
    internal static int Synchronise(string path)
    {
        int descriptor = open(path, ReadOnlyDirectory);
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

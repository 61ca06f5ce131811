using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>Descriptors, mounts, directories and mappings as the lease guard needs them.</summary>
/// <remarks>Results are 0 or positive, or the negated errno.</remarks>
internal static unsafe partial class KernelObjects
{
    private const int ReadWrite = 1 | 2, Shared = 1;
    private const int CloseOnExec = 0x80000;

    /// <summary>O_DIRECTORY differs between the two architectures (asm/fcntl.h).</summary>
    private static int DirectoryOnly => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 0x10000 : 0x4000;

    /// <summary>statfs.f_type of a bpffs (uapi/linux/magic.h).</summary>
    private const long BpfFileSystemMagic = 0xcafe4a11;

    /// <summary>Takes ownership of a descriptor.</summary>
    internal static SafeFileHandle Own(int descriptor) => new(descriptor, ownsHandle: true);

    /// <summary>mmap(2) of a map, shared, readable and writable; null when refused (errno in the out parameter).</summary>
    internal static byte* Map(SafeFileHandle descriptor, int bytes, out int errno)
    {
        nint address = mmap(null, bytes, ReadWrite, Shared, (int)descriptor.DangerousGetHandle(), 0);
        errno = address == -1 ? Marshal.GetLastPInvokeError() : 0;
        return address == -1 ? null : (byte*)address;
    }

    /// <summary>munmap(2).</summary>
    internal static void Unmap(byte* address, int bytes) => _ = munmap(address, bytes);

    /// <summary>The path is a file or directory of a bpffs.</summary>
    internal static bool IsOnBpfFileSystem(string path)
    {
        byte* buffer = stackalloc byte[256];
        return statfs(path, buffer) == 0 && (*(long*)buffer & 0xffffffff) == BpfFileSystemMagic;
    }

    /// <summary>This process may make entries in the directory and reach them (faccessat(2) with the effective user).</summary>
    internal static bool MayFill(string directory)
    {
        const int currentDirectory = -100, effective = 0x200, write = 2, search = 1;
        return faccessat(currentDirectory, directory, write | search, effective) == 0;
    }

    /// <summary>The number of the file system that holds the path, as /proc/PID/mountinfo writes it ("0:45"); empty when there is no such path.</summary>
    internal static string DeviceOf(string path)
    {
        // struct statx (uapi/linux/stat.h) is the same on every architecture: stx_dev_major and stx_dev_minor at 136 and 140.
        byte* buffer = stackalloc byte[256];
        const int currentDirectory = -100;
        return statx(currentDirectory, path, 0, 0, buffer) == 0 ? string.Create(CultureInfo.InvariantCulture, $"{*(uint*)(buffer + 136)}:{*(uint*)(buffer + 140)}") : "";
    }

    /// <summary>mount(2) of a new bpffs, visible to root alone (mode 0700). Needs CAP_SYS_ADMIN.</summary>
    internal static int MountBpfFileSystem(string path) => Result(mount("bpf", path, "bpf", 0, "mode=0700"));

    /// <summary>umount2(2), lazily.</summary>
    internal static int Unmount(string path) => Result(umount2(path, 2));

    /// <summary>umount2(2), only when nobody uses it: EBUSY otherwise.</summary>
    internal static int UnmountIdle(string path) => Result(umount2(path, 0));

    /// <summary>Opens a directory to lock it.</summary>
    internal static int OpenDirectory(string path) => Result(open(path, DirectoryOnly | CloseOnExec, 0));

    /// <summary>flock(2), exclusive, without waiting: EWOULDBLOCK (EAGAIN) when another process has it. The kernel drops it with the last descriptor, however the process ends.</summary>
    internal static int TryLock(SafeFileHandle directory) => Result(flock((int)directory.DangerousGetHandle(), 2 | 4));

    /// <summary>Gives the lock up at once, also where a child process between fork and exec still shares the descriptor.</summary>
    internal static void Unlock(SafeFileHandle directory) => _ = flock((int)directory.DangerousGetHandle(), 8);

    /// <summary>mkdir(2) with mode 0700. EEXIST when it is there.</summary>
    internal static int MakePrivateDirectory(string path) => Result(mkdir(path, 0x1c0));

    /// <summary>rmdir(2): only an empty directory goes.</summary>
    internal static int RemoveDirectory(string path) => Result(rmdir(path));

    /// <summary>rename(2): replaces the target atomically.</summary>
    internal static int Rename(string from, string to) => Result(rename(from, to));

    /// <summary>unlink(2).</summary>
    internal static int Unlink(string path) => Result(unlink(path));

    private static int Result(int value) => value >= 0 ? value : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(void* address, nint bytes, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nint bytes);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statfs(string path, void* buffer);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int faccessat(int directory, string path, int mode, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int directory, string path, int flags, uint mask, void* buffer);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string type, nuint flags, string data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rmdir(string path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int descriptor, int operation);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);
}

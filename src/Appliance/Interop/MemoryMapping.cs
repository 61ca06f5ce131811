using System.Runtime.InteropServices;

namespace Appliance.Interop;

/// <summary>mmap(2), mprotect(2), madvise(2) for private anonymous memory.</summary>
internal static unsafe partial class MemoryMapping
{
    private const int NoAccess = 0, ReadWrite = 3;
    private const int Private = 0x02, Anonymous = 0x20, NoReserve = 0x4000;
    private const int DontDump = 16, DontNeed = 4, HugePage = 14, PopulateWrite = 23;
    private const int InvalidArgument = 22;

    /// <summary>Reserves address space that can be neither read nor written, and costs no memory.</summary>
    /// <returns>Its start, or -1 with errno set (ENOMEM: limit on address space, see ulimit -v).</returns>
    public static nint Reserve(nuint bytes) => mmap(null, bytes, NoAccess, Private | Anonymous | NoReserve, -1, 0);

    /// <summary>Makes reserved space usable; pages come when touched.</summary>
    /// <returns>0, or the errno (ENOMEM: the kernel does not overcommit, or too many mappings).</returns>
    public static int Commit(void* address, nuint bytes) => Outcome(mprotect(address, bytes, ReadWrite));

    /// <summary>Asks for 2 MiB pages. A kernel without them answers EINVAL, and nothing is lost but speed.</summary>
    public static int AdviseHuge(void* address, nuint bytes) => Outcome(madvise(address, bytes, HugePage));

    /// <summary>Brings the pages in now (Linux 5.14; before that, touches them).</summary>
    /// <returns>0, or the errno (ENOMEM).</returns>
    public static int Populate(void* address, nuint bytes)
    {
        int outcome = Outcome(madvise(address, bytes, PopulateWrite));
        if (outcome != InvalidArgument) return outcome;
        for (nuint offset = 0; offset < bytes; offset += 4096) ((byte*)address)[offset] = 0;
        return 0;
    }

    /// <summary>Gives the pages back. The space stays readable and writable; it reads as zeros.</summary>
    public static int Release(void* address, nuint bytes) => Outcome(madvise(address, bytes, DontNeed));

    /// <summary>Keeps memory out of swap (mlock(2)) and out of core dumps, as far as the limits of this process allow.</summary>
    /// <returns>0, or the errno of what was refused (ENOMEM, EPERM: RLIMIT_MEMLOCK).</returns>
    public static int Guard(void* address, nuint bytes)
    {
        int outcome = Outcome(madvise(address, bytes, DontDump));
        int locked = Outcome(mlock(address, bytes));
        return locked != 0 ? locked : outcome;
    }

    /// <summary>Ends the reservation.</summary>
    public static int Unmap(nint address, nuint bytes) => Outcome(munmap((void*)address, bytes));

    private static int Outcome(int result) => result == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(void* address, nuint bytes, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(void* address, nuint bytes, int protection);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(void* address, nuint bytes, int advice);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mlock(void* address, nuint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint bytes);
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Multicast.Interop;

/// <summary>epoll(7) and eventfd(2).</summary>
internal static partial class Epoll
{
    internal const int Add = 1, Delete = 2, Modify = 3;

    /// <summary>struct epoll_event is packed on x86-64 (uapi/linux/eventpoll.h).</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct Event
    {
        public uint Events;
        public long Data;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial int epoll_ctl(int epoll, int operation, int descriptor, Event* change);

    /// <summary>Linux 5.11: nanosecond time-out, so that a 50 us flush deadline is possible.</summary>
    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial int epoll_pwait2(int epoll, Event* events, int capacity, TimeSpec* timeout, void* signalMask);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint read(int descriptor, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint read(SafeFileHandle descriptor, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint write(int descriptor, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint write(SafeFileHandle descriptor, void* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int descriptor);

    [LibraryImport("libc")]
    [SuppressGCTransition]
    internal static unsafe partial int clock_gettime(int clock, TimeSpec* time);
}

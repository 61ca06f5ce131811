using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>ppoll(2): waits for few descriptors with a nanosecond time-out.</summary>
internal static unsafe partial class Poll
{
    internal const short In = 1, Out = 4;

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Entry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>Waits until a descriptor is ready or the time has passed.</summary>
    /// <returns>How many are ready; 0 after the time or a signal.</returns>
    internal static int Wait(Entry* entries, int count, long nanoseconds)
    {
        Epoll.TimeSpec span = new() { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        int ready = ppoll(entries, (nuint)count, &span, null);
        return Math.Max(0, ready);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ppoll(Entry* entries, nuint count, Epoll.TimeSpec* timeout, void* signalMask);
}

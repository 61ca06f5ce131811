using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>send(2) and recv(2) on a connected stream socket, waiting with ppoll(2): the framework's blocking calls allocate on a non-blocking socket and know no deadline.</summary>
internal static unsafe partial class Stream
{
    private const int NoSignal = 0x4000;

    /// <summary>Waits until something can be read.</summary>
    internal static bool WaitReadable(SafeSocketHandle socket, TimeSpan time) => Wait(socket, Poll.In, time);

    /// <summary>Waits until something can be written, or a connect has ended.</summary>
    internal static bool WaitWritable(SafeSocketHandle socket, TimeSpan time) => Wait(socket, Poll.Out, time);

    /// <summary>Reads what is there.</summary>
    /// <returns>Bytes; 0 at the end; or minus the errno (EAGAIN: nothing there now).</returns>
    internal static int Receive(SafeSocketHandle socket, Span<byte> destination)
    {
        fixed (byte* start = destination)
        {
            nint count = recv(socket, start, (nuint)destination.Length, Udp.DoNotWait);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Writes what fits.</summary>
    /// <returns>Bytes, or minus the errno (EAGAIN: nothing fits now).</returns>
    internal static int Send(SafeSocketHandle socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            nint count = send(socket, start, (nuint)bytes.Length, Udp.DoNotWait | NoSignal);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    private static bool Wait(SafeSocketHandle socket, short events, TimeSpan time)
    {
        Poll.Entry entry = new() { Descriptor = (int)socket.DangerousGetHandle(), Events = events };
        return time > TimeSpan.Zero && Poll.Wait(&entry, 1, time.Ticks * 100) > 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(SafeSocketHandle socket, void* destination, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(SafeSocketHandle socket, void* bytes, nuint length, int flags);
}

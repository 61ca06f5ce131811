using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>Sockets of families that the class library does not know: netlink(7), packet(7). Results are 0 or counts, or the negated errno.</summary>
internal static unsafe partial class KernelSocket
{
    /// <summary>Families, a type, and a flag of the type.</summary>
    internal const int Netlink = 16, Packet = 17, Raw = 3, NonBlocking = 0x800;

    private const int CloseOnExec = 0x80000;

    /// <summary>Opens a socket. It belongs to the network namespace of the thread that opened it.</summary>
    internal static int Open(int family, int type, int protocol, out SafeFileHandle socket)
    {
        int descriptor = KernelSocket.socket(family, type | CloseOnExec, protocol);
        socket = new SafeFileHandle(descriptor, ownsHandle: true);
        return descriptor >= 0 ? 0 : -Marshal.GetLastPInvokeError();
    }

    /// <summary>setsockopt(2).</summary>
    internal static int Set(SafeFileHandle socket, int level, int option, void* value, int length) =>
        setsockopt((int)socket.DangerousGetHandle(), level, option, value, (uint)length) == 0 ? 0 : -Marshal.GetLastPInvokeError();

    /// <summary>setsockopt(2) with a number.</summary>
    internal static int Set(SafeFileHandle socket, int level, int option, int value) => Set(socket, level, option, &value, sizeof(int));

    /// <summary>Sends one frame; or netlink messages to the kernel, which has acted on every one when this returns (it runs in the sender's context).</summary>
    internal static int Send(SafeFileHandle socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            nint sent = send((int)socket.DangerousGetHandle(), start, bytes.Length, 0);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Receives one frame or datagram, cut to the buffer. EAGAIN: none waits; ENETDOWN: the link went down, reported once.</summary>
    internal static int Receive(SafeFileHandle socket, Span<byte> buffer, int flags = 0)
    {
        fixed (byte* start = buffer)
        {
            nint received = recv((int)socket.DangerousGetHandle(), start, buffer.Length, flags);
            return received >= 0 ? (int)received : -Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, void* buffer, nint bytes, int flags);
}

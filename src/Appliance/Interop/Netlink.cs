using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>A NETLINK_ROUTE socket (net/netlink/af_netlink.c, net/core/rtnetlink.c).</summary>
/// <remarks>The socket belongs to the network namespace of the thread that opened it. Results are counts, or the negated errno.</remarks>
internal static unsafe partial class Netlink
{
    private const int FamilyNetlink = 16, Raw = 3, CloseOnExec = 0x80000, Route = 0;
    private const int LevelNetlink = 270, CapAcknowledgement = 10, ExtendedAcknowledgement = 11, StrictCheck = 12;
    private const int Truncated = 0x20;

    /// <summary>Opens the socket: errors come back with the kernel's own sentence and without an echo of the request; dumps honour their filter where the kernel can.</summary>
    internal static int Open()
    {
        int descriptor = socket(FamilyNetlink, Raw | CloseOnExec, Route);
        if (descriptor < 0) return -Marshal.GetLastPInvokeError();
        int one = 1;
        // Refused by kernels that lack them (before 4.12 and 4.20): errors are then plain numbers, dumps are filtered here.
        _ = setsockopt(descriptor, LevelNetlink, CapAcknowledgement, &one, sizeof(int));
        _ = setsockopt(descriptor, LevelNetlink, ExtendedAcknowledgement, &one, sizeof(int));
        _ = setsockopt(descriptor, LevelNetlink, StrictCheck, &one, sizeof(int));
        return descriptor;
    }

    /// <summary>Sends to the kernel, which has acted on every message in it when this returns (rtnetlink_rcv runs in the sender's context).</summary>
    internal static int Send(SafeFileHandle socket, ReadOnlySpan<byte> messages)
    {
        fixed (byte* bytes = messages)
        {
            nint sent = send((int)socket.DangerousGetHandle(), bytes, messages.Length, 0);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Receives one datagram; ENOSPC when it did not fit.</summary>
    internal static int Receive(SafeFileHandle socket, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            nint received = recv((int)socket.DangerousGetHandle(), bytes, buffer.Length, Truncated);
            if (received < 0) return -Marshal.GetLastPInvokeError();
            return received <= buffer.Length ? (int)received : -Errno.NoSpace;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, void* buffer, nint bytes, int flags);
}

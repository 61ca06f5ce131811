using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>A NETLINK_ROUTE socket (net/netlink/af_netlink.c, net/core/rtnetlink.c).</summary>
/// <remarks>The socket belongs to the network namespace of the thread that opened it. Results are counts, or the negated errno.</remarks>
internal static class Netlink
{
    private const int Route = 0, LevelNetlink = 270, CapAcknowledgement = 10, ExtendedAcknowledgement = 11, StrictCheck = 12;
    private const int Truncated = 0x20;

    /// <summary>Opens the socket: errors come back with the kernel's own sentence and without an echo of the request; dumps honour their filter where the kernel can.</summary>
    internal static int Open(out SafeFileHandle socket)
    {
        int error = KernelSocket.Open(KernelSocket.Netlink, KernelSocket.Raw, Route, out socket);
        if (error != 0) return error;
        // Refused by kernels that lack them (before 4.12 and 4.20): errors are then plain numbers, dumps are filtered here.
        _ = KernelSocket.Set(socket, LevelNetlink, CapAcknowledgement, 1);
        _ = KernelSocket.Set(socket, LevelNetlink, ExtendedAcknowledgement, 1);
        _ = KernelSocket.Set(socket, LevelNetlink, StrictCheck, 1);
        return 0;
    }

    /// <summary>Receives one datagram; ENOSPC when it did not fit.</summary>
    internal static int Receive(SafeFileHandle socket, Span<byte> buffer)
    {
        int received = KernelSocket.Receive(socket, buffer, Truncated);
        return received <= buffer.Length ? received : -Errno.NoSpace;
    }
}

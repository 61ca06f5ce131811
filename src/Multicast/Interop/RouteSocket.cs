using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>A netlink socket that tells of changes to network interfaces: rtnetlink(7), group RTMGRP_LINK.</summary>
internal static unsafe partial class RouteSocket
{
    private const int FamilyNetlink = 16, TypeRaw = 3, NonBlocking = 0x800, CloseOnExec = 0x80000, LinkGroup = 1, AddressBytes = 12;

    /// <summary>Opens the socket, non-blocking.</summary>
    /// <returns>The socket, or null with the errno.</returns>
    internal static SafeSocketHandle? Open(out int errno)
    {
        int descriptor = socket(FamilyNetlink, TypeRaw | NonBlocking | CloseOnExec, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        uint* address = stackalloc uint[3]; // struct sockaddr_nl: family and padding, port, groups
        address[0] = FamilyNetlink;
        address[1] = 0;
        address[2] = LinkGroup;
        if (bind(handle, address, AddressBytes) == 0) return handle;
        errno = Marshal.GetLastPInvokeError();
        handle.Dispose();
        return null;
    }

    /// <summary>Reads one message block.</summary>
    /// <returns>Bytes, or minus the errno (ENOBUFS: messages were lost; ask for the state).</returns>
    internal static int Read(SafeSocketHandle handle, Span<byte> destination)
    {
        fixed (byte* start = destination)
        {
            nint length = recv(handle, start, (nuint)destination.Length, Udp.DoNotWait);
            return length >= 0 ? (int)length : -Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(SafeSocketHandle handle, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(SafeSocketHandle handle, void* destination, nuint length, int flags);
}

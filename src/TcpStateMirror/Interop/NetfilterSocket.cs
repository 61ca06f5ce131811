using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>A NETLINK_NETFILTER socket (uapi/linux/netfilter/nfnetlink.h). It belongs to the network namespace of the thread that opened it. Results are counts, or the negated errno.</summary>
internal static unsafe partial class NetfilterSocket
{
    internal const int NotPermitted = 1, NoEntry = 2, Interrupted = 4, TryAgain = 11, Busy = 16, NotSupported = 95;

    private const int FamilyNetlink = 16, Raw = 3, NonBlocking = 0x800, CloseOnExec = 0x80000, Netfilter = 12;
    private const int LevelSocket = 1, LevelNetlink = 270, ReceiveBufferForce = 33, CapAcknowledgement = 10, NoBufferErrors = 5;

    /// <summary>Opens the socket. Overrun of its buffer is no error: packets that do not fit are dropped, and their senders repeat them.</summary>
    internal static int Open(bool blocking, int receiveBufferBytes, out SafeFileHandle socket)
    {
        int descriptor = NetfilterSocket.socket(FamilyNetlink, Raw | CloseOnExec | (blocking ? 0 : NonBlocking), Netfilter);
        socket = new SafeFileHandle(descriptor, ownsHandle: true);
        if (descriptor < 0) return -Marshal.GetLastPInvokeError();
        int one = 1;
        _ = setsockopt(descriptor, LevelNetlink, CapAcknowledgement, &one, sizeof(int)); // acknowledgements then come without an echo; older kernels send it
        _ = setsockopt(descriptor, LevelNetlink, NoBufferErrors, &one, sizeof(int));
        return setsockopt(descriptor, LevelSocket, ReceiveBufferForce, &receiveBufferBytes, sizeof(int)) == 0 ? 0 : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Sends to the kernel, which has acted on every message in it when this returns.</summary>
    internal static int Send(SafeFileHandle socket, ReadOnlySpan<byte> messages)
    {
        fixed (byte* bytes = messages)
        {
            nint sent = send((int)socket.DangerousGetHandle(), bytes, messages.Length, 0);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Receives one datagram, cut if it does not fit.</summary>
    internal static int Receive(SafeFileHandle socket, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            nint received = recv((int)socket.DangerousGetHandle(), bytes, buffer.Length, 0);
            return received >= 0 ? (int)received : -Marshal.GetLastPInvokeError();
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

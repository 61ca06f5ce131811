using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>A NETLINK_NETFILTER socket (uapi/linux/netfilter/nfnetlink.h).</summary>
internal static class NetfilterSocket
{
    internal const int NotPermitted = 1, NoEntry = 2, Interrupted = 4, TryAgain = 11, Busy = 16, NotSupported = 95;

    private const int Netfilter = 12, LevelSocket = 1, LevelNetlink = 270, ReceiveBufferForce = 33, CapAcknowledgement = 10, NoBufferErrors = 5;

    /// <summary>Opens the socket. Overrun of its buffer is no error: packets that do not fit are dropped, and their senders repeat them.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal static int Open(bool blocking, int receiveBufferBytes, out SafeFileHandle socket)
    {
        int error = KernelSocket.Open(KernelSocket.Netlink, KernelSocket.Raw | (blocking ? 0 : KernelSocket.NonBlocking), Netfilter, out socket);
        if (error != 0) return error;
        _ = KernelSocket.Set(socket, LevelNetlink, CapAcknowledgement, 1); // acknowledgements then come without an echo; older kernels send it
        _ = KernelSocket.Set(socket, LevelNetlink, NoBufferErrors, 1);
        return KernelSocket.Set(socket, LevelSocket, ReceiveBufferForce, receiveBufferBytes);
    }
}

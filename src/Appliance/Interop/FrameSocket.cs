using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Capture.Filter;
using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>Whole Ethernet frames through AF_PACKET sockets (packet(7), net/packet/af_packet.c). Needs CAP_NET_RAW.</summary>
/// <remarks>What is sent passes the link's egress hook like any packet. Results of calls that carry frames are counts, or the negated errno.</remarks>
internal static unsafe partial class FrameSocket
{
    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        internal void* Base;
        internal nuint Length;
    }

    /// <summary>struct mmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Message
    {
        internal void* Name;
        internal int NameLength;
        internal IoVector* Vectors;
        internal nuint VectorCount;
        internal void* Control;
        internal nuint ControlLength;
        internal int Flags;
        internal int SentBytes;
        private readonly int _padding;
    }

    /// <summary>Opens a non-blocking socket on a link.</summary>
    /// <param name="interfaceIndex">The link.</param>
    /// <param name="etherType">What to receive; 0 to send alone.</param>
    /// <param name="filter">Frames for which it returns 0 are not received; empty for none.</param>
    /// <param name="socket">The socket.</param>
    /// <returns>0 or the errno.</returns>
    internal static int Open(int interfaceIndex, ushort etherType, ReadOnlySpan<BpfInstruction> filter, out SafeFileHandle socket)
    {
        int error = PacketSocket.Open(PacketSocket.Frames | PacketSocket.NonBlocking, out socket);
        if (error == 0 && !filter.IsEmpty) error = PacketSocket.Attach(socket, filter);
        if (error == 0) error = PacketSocket.Bind(socket, interfaceIndex, etherType);
        if (error != 0) socket.Dispose();
        return error;
    }

    /// <summary>sendmmsg(2).</summary>
    /// <returns>How many messages were sent, at least one; or the negated errno of the first.</returns>
    internal static int Send(SafeFileHandle socket, Message* messages, int count)
    {
        int sent = sendmmsg((int)socket.DangerousGetHandle(), messages, (uint)count, 0);
        return sent >= 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sendmmsg(int descriptor, Message* messages, uint count, int flags);
}

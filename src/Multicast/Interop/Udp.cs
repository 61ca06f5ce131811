using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>Batched datagram calls: sendmsg(2), sendmmsg(2), recvmmsg(2), with UDP_SEGMENT and UDP_GRO (linux/udp.h).</summary>
internal static unsafe partial class Udp
{
    internal const int SolUdp = 17, Segment = 103, ReceiveOffload = 104;

    /// <summary>The kernel takes at most 64 segments in one call since it has UDP_SEGMENT (UDP_MAX_SEGMENTS, 128 from 6.9).</summary>
    internal const int MaxSegments = 64;

    /// <summary>Longest UDP payload over IPv4.</summary>
    internal const int MaxPayloadBytes = 65507;

    /// <summary>MSG_DONTWAIT.</summary>
    internal const int DoNotWait = 0x40;

    /// <summary>MSG_TRUNC in the flags of a received message: the datagram was longer than the buffer.</summary>
    internal const int Truncated = 0x20;

    /// <summary>Bytes of a control message with one 32-bit value: header 16, value 4, padding 4.</summary>
    internal const int ControlBytes = 24;

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Vector
    {
        public void* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct mmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BatchMessage
    {
        public Message Header;
        public uint Length;
    }

    /// <summary>struct cmsghdr with its 32-bit value; also reads a 16-bit one (UDP_SEGMENT is u16, UDP_GRO is int).</summary>
    [StructLayout(LayoutKind.Sequential, Size = ControlBytes)]
    internal struct Control
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Value;
    }

    /// <summary>Sends one message.</summary>
    /// <returns>Bytes sent, or minus the errno.</returns>
    internal static nint Send(SafeSocketHandle socket, Message* message, int flags)
    {
        nint sent = sendmsg(socket, message, flags);
        return sent >= 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Sends several messages.</summary>
    /// <returns>How many were sent (the first that failed ends the batch), or minus the errno when it was the first.</returns>
    internal static int SendBatch(SafeSocketHandle socket, BatchMessage* messages, int count, int flags)
    {
        int sent = sendmmsg(socket, messages, (uint)count, flags);
        return sent >= 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Receives what is there, without waiting.</summary>
    /// <returns>How many were received, or minus the errno.</returns>
    internal static int ReceiveBatch(SafeSocketHandle socket, BatchMessage* messages, int capacity)
    {
        int received = recvmmsg(socket, messages, (uint)capacity, DoNotWait, null);
        return received >= 0 ? received : -Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(SafeSocketHandle socket, Message* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sendmmsg(SafeSocketHandle socket, BatchMessage* messages, uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int recvmmsg(SafeSocketHandle socket, BatchMessage* messages, uint capacity, int flags, void* timeout);
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>AF_PACKET sockets that carry whole Ethernet frames (packet(7), net/packet/af_packet.c). Need CAP_NET_RAW.</summary>
/// <remarks>What is sent passes the link's egress hook like any packet. Results are counts, or the negated errno.</remarks>
internal static unsafe partial class PacketSocket
{
    private const int FamilyPacket = 17, Raw = 3, CloseOnExec = 0x80000, NonBlocking = 0x800;
    private const int LevelSocket = 1, AttachFilterOption = 26;
    private const short PollIn = 1;

    /// <summary>One instruction of a classic filter, struct sock_filter (uapi/linux/filter.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct FilterInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

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

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkLayerAddress
    {
        internal ushort Family, Protocol;
        internal int InterfaceIndex;
        internal ushort HardwareType;
        internal byte PacketType, AddressLength;
        internal ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        internal ushort Length;
        internal FilterInstruction* Instructions;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        internal int Descriptor;
        internal short Events, Returned;
    }

    /// <summary>Opens a non-blocking socket on a link.</summary>
    /// <param name="interfaceIndex">The link.</param>
    /// <param name="etherType">What to receive; 0 to send alone.</param>
    /// <param name="filter">Frames for which it returns 0 are not received; empty for none.</param>
    internal static int Open(int interfaceIndex, ushort etherType, ReadOnlySpan<FilterInstruction> filter)
    {
        // Protocol 0 receives nothing: no frame slips in before the filter and the link are set.
        int descriptor = socket(FamilyPacket, Raw | CloseOnExec | NonBlocking, 0);
        if (descriptor < 0) return -Marshal.GetLastPInvokeError();
        int error = 0;
        fixed (FilterInstruction* instructions = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = instructions };
            if (!filter.IsEmpty && setsockopt(descriptor, LevelSocket, AttachFilterOption, &program, sizeof(FilterProgram)) != 0) error = Marshal.GetLastPInvokeError();
        }
        var address = new LinkLayerAddress { Family = FamilyPacket, Protocol = BinaryPrimitives.ReverseEndianness(etherType), InterfaceIndex = interfaceIndex };
        if (error == 0 && bind(descriptor, &address, sizeof(LinkLayerAddress)) != 0) error = Marshal.GetLastPInvokeError();
        if (error == 0) return descriptor;
        KernelObjects.Own(descriptor).Dispose();
        return -error;
    }

    /// <summary>sendmmsg(2).</summary>
    /// <returns>How many messages were sent, at least one; or the negated errno of the first.</returns>
    internal static int Send(SafeFileHandle socket, Message* messages, int count)
    {
        int sent = sendmmsg((int)socket.DangerousGetHandle(), messages, (uint)count, 0);
        return sent >= 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Sends one frame.</summary>
    internal static int Send(SafeFileHandle socket, ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            nint sent = send((int)socket.DangerousGetHandle(), bytes, frame.Length, 0);
            return sent >= 0 ? (int)sent : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Receives one frame, cut to the buffer. EAGAIN: none waits; ENETDOWN: the link went down, reported once.</summary>
    internal static int Receive(SafeFileHandle socket, Span<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            nint received = recv((int)socket.DangerousGetHandle(), bytes, frame.Length, 0);
            return received >= 0 ? (int)received : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Waits until one of two sockets has a frame or the time is over.</summary>
    internal static void Wait(SafeFileHandle first, SafeFileHandle second, int milliseconds)
    {
        PollDescriptor* descriptors = stackalloc PollDescriptor[2];
        descriptors[0] = new PollDescriptor { Descriptor = (int)first.DangerousGetHandle(), Events = PollIn };
        descriptors[1] = new PollDescriptor { Descriptor = (int)second.DangerousGetHandle(), Events = PollIn };
        _ = poll(descriptors, 2, milliseconds);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sendmmsg(int descriptor, Message* messages, uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, void* buffer, nint bytes, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);
}

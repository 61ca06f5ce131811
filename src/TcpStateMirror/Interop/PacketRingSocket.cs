using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Appliance.TcpStateMirror.Capture.Filter;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>AF_PACKET sockets with a receive ring, TPACKET_V3 (packet(7), uapi/linux/if_packet.h). Results are 0 or the errno.</summary>
internal static unsafe partial class PacketRingSocket
{
    internal const int NotPermitted = 1, Interrupted = 4;

    private const int FamilyPacket = 17, Datagram = 2, CloseOnExec = 0x80000;
    private const int LevelPacket = 263, LevelSocket = 1;
    private const int AddMembership = 1, RingOption = 5, StatisticsOption = 6, VersionOption = 10, AttachFilterOption = 26;
    private const int Version3 = 2, MembershipPromiscuous = 1;
    private const ushort EveryProtocol = 3;
    private const int ReadWrite = 3, Shared = 1, Populate = 0x8000;
    private const short PollIn = 1;

    /// <summary>struct tpacket_req3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct RingRequest
    {
        internal uint BlockBytes, Blocks, FrameBytes, Frames, RetireMilliseconds, PrivateBytes, Features;
    }

    /// <summary>struct tpacket_stats_v3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Statistics
    {
        internal uint Packets, Drops, Freezes;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        internal ushort Length;
        internal BpfInstruction* Instructions;
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
    private struct Membership
    {
        internal int InterfaceIndex;
        internal ushort Type, AddressLength;
        internal ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        internal int Descriptor;
        internal short Events, Returned;
    }

    /// <summary>Index of a card; 0 when there is none of the name.</summary>
    internal static int IndexOf(string card) => (int)if_nametoindex(card);

    /// <summary>Opens a socket that receives nothing yet. EPERM: CAP_NET_RAW is missing.</summary>
    internal static int Open(out SafeFileHandle socket)
    {
        // Protocol 0 receives nothing: no frame slips in before the filter and the ring are there.
        int descriptor = PacketRingSocket.socket(FamilyPacket, Datagram | CloseOnExec, 0);
        socket = new SafeFileHandle(descriptor, ownsHandle: true);
        return descriptor >= 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Attaches a filter.</summary>
    internal static int Attach(SafeFileHandle socket, ReadOnlySpan<BpfInstruction> filter)
    {
        fixed (BpfInstruction* instructions = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = instructions };
            return Set(socket, LevelSocket, AttachFilterOption, &program, sizeof(FilterProgram));
        }
    }

    /// <summary>Makes the ring. ENOMEM: the kernel has not so much memory in one piece.</summary>
    internal static int MakeRing(SafeFileHandle socket, RingRequest request)
    {
        int version = Version3;
        int error = Set(socket, LevelPacket, VersionOption, &version, sizeof(int));
        return error != 0 ? error : Set(socket, LevelPacket, RingOption, &request, sizeof(RingRequest));
    }

    /// <summary>Maps the ring.</summary>
    internal static int Map(SafeFileHandle socket, nuint bytes, out byte* memory)
    {
        memory = (byte*)mmap(null, bytes, ReadWrite, Shared | Populate, (int)socket.DangerousGetHandle(), 0);
        if (memory != (byte*)-1) return 0;
        memory = null;
        return Marshal.GetLastPInvokeError();
    }

    /// <summary>Unmaps the ring.</summary>
    internal static void Unmap(byte* memory, nuint bytes) => _ = munmap(memory, bytes);

    /// <summary>Receives from a card from now on; 0 for all cards. ENODEV, ENETDOWN: it is gone or down.</summary>
    internal static int Bind(SafeFileHandle socket, int card)
    {
        var address = new LinkLayerAddress { Family = FamilyPacket, Protocol = BinaryPrimitives.ReverseEndianness(EveryProtocol), InterfaceIndex = card };
        return bind((int)socket.DangerousGetHandle(), &address, sizeof(LinkLayerAddress)) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Receives also what is meant for others, as long as the socket is open.</summary>
    internal static int BePromiscuous(SafeFileHandle socket, int card)
    {
        var membership = new Membership { InterfaceIndex = card, Type = MembershipPromiscuous };
        return Set(socket, LevelPacket, AddMembership, &membership, sizeof(Membership));
    }

    /// <summary>Waits for frames.</summary>
    /// <returns>0 also when the time is over; the errno otherwise (EINTR: a signal came).</returns>
    internal static int Wait(SafeFileHandle socket, int milliseconds)
    {
        var descriptor = new PollDescriptor { Descriptor = (int)socket.DangerousGetHandle(), Events = PollIn };
        int ready = poll(&descriptor, 1, milliseconds);
        if (ready < 0) return Marshal.GetLastPInvokeError();
        return 0;
    }

    /// <summary>Counts since the last call.</summary>
    internal static Statistics ReadStatistics(SafeFileHandle socket)
    {
        Statistics statistics = default;
        uint length = (uint)sizeof(Statistics);
        _ = getsockopt((int)socket.DangerousGetHandle(), LevelPacket, StatisticsOption, &statistics, &length);
        return statistics;
    }

    private static int Set(SafeFileHandle socket, int level, int option, void* value, int length) =>
        setsockopt((int)socket.DangerousGetHandle(), level, option, value, (uint)length) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string card);
}

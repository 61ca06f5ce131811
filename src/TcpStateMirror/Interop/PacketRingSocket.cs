using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.TcpStateMirror.Interop;

/// <summary>The receive ring of an AF_PACKET socket, TPACKET_V3 (packet(7), uapi/linux/if_packet.h). Results are 0 or the errno.</summary>
internal static unsafe partial class PacketRingSocket
{
    internal const int NotPermitted = 1, Interrupted = 4;

    private const int LevelPacket = 263;
    private const int AddMembership = 1, RingOption = 5, StatisticsOption = 6, VersionOption = 10;
    private const int Version3 = 2, MembershipPromiscuous = 1;
    private const int ReadWrite = 3, Shared = 1, Populate = 0x8000;

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
    private struct Membership
    {
        internal int InterfaceIndex;
        internal ushort Type, AddressLength;
        internal ulong Address;
    }

    /// <summary>Index of a card; 0 when there is none of the name.</summary>
    internal static int IndexOf(string card) => (int)if_nametoindex(card);

    /// <summary>Makes the ring. ENOMEM: the kernel has not so much memory in one piece.</summary>
    internal static int MakeRing(SafeFileHandle socket, RingRequest request)
    {
        int version = Version3;
        int error = PacketSocket.Set(socket, LevelPacket, VersionOption, &version, sizeof(int));
        return error != 0 ? error : PacketSocket.Set(socket, LevelPacket, RingOption, &request, sizeof(RingRequest));
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

    /// <summary>Receives also what is meant for others, as long as the socket is open.</summary>
    internal static int BePromiscuous(SafeFileHandle socket, int card)
    {
        var membership = new Membership { InterfaceIndex = card, Type = MembershipPromiscuous };
        return PacketSocket.Set(socket, LevelPacket, AddMembership, &membership, sizeof(Membership));
    }

    /// <summary>Counts since the last call.</summary>
    internal static Statistics ReadStatistics(SafeFileHandle socket)
    {
        Statistics statistics = default;
        uint length = (uint)sizeof(Statistics);
        _ = getsockopt((int)socket.DangerousGetHandle(), LevelPacket, StatisticsOption, &statistics, &length);
        return statistics;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string card);
}

using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Appliance.Multicast.Interop;

/// <summary>setsockopt(2) and getsockopt(2) for options that the framework does not know (asm-generic/socket.h, linux/in.h, linux/in6.h).</summary>
internal static unsafe partial class SocketOptions
{
    internal const int
        SolSocket = 1, SolIp = 0, SolIpv6 = 41,
        SendBuffer = 7, ReceiveBuffer = 8, BindToDevice = 25, SendBufferForce = 32, ReceiveBufferForce = 33, MemoryInformation = 55,
        IpMtuDiscover = 10, IpMulticastInterface = 32, IpMulticastTtl = 33, IpMulticastLoop = 34, IpMulticastAll = 49, IpFreeBind = 15,
        Ipv6MulticastInterface = 17, Ipv6MulticastHops = 18, Ipv6MulticastLoop = 19, Ipv6MtuDiscover = 23, Ipv6Only = 26, Ipv6MulticastAll = 29, Ipv6FreeBind = 78,
        JoinGroup = 42, LeaveGroup = 45;

    /// <summary>IP_PMTUDISC_DO: never fragment, so that a datagram longer than the MTU is an error and not two fragments.</summary>
    internal const int NeverFragment = 2;

    /// <summary>struct group_req: interface index, padding, then a sockaddr_storage of 128 bytes.</summary>
    private const int GroupRequestBytes = 136;

    /// <summary>Sets an integer option.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int Set(SafeSocketHandle socket, int level, int option, int value) =>
        setsockopt(socket, level, option, &value, sizeof(int)) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Reads an integer option; -1 when the kernel does not know it.</summary>
    internal static int Get(SafeSocketHandle socket, int level, int option)
    {
        int value = 0;
        uint length = sizeof(int);
        return getsockopt(socket, level, option, &value, &length) == 0 ? value : -1;
    }

    /// <summary>IP_MULTICAST_IF with struct ip_mreqn, or IPV6_MULTICAST_IF with the index.</summary>
    internal static int SetMulticastInterface(SafeSocketHandle socket, AddressFamily family, int interfaceIndex)
    {
        if (family == AddressFamily.InterNetworkV6) return Set(socket, SolIpv6, Ipv6MulticastInterface, interfaceIndex);
        int* request = stackalloc int[3]; // group address, local address, index
        request[0] = request[1] = 0;
        request[2] = interfaceIndex;
        return setsockopt(socket, SolIp, IpMulticastInterface, request, 3 * sizeof(int)) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>MCAST_JOIN_GROUP or MCAST_LEAVE_GROUP: one call for both address families.</summary>
    internal static int ChangeMembership(SafeSocketHandle socket, AddressFamily family, int option, int interfaceIndex, NativeAddress group)
    {
        byte* request = stackalloc byte[GroupRequestBytes];
        new Span<byte>(request, GroupRequestBytes).Clear();
        *(int*)request = interfaceIndex;
        group.Bytes[..(int)group.Length].CopyTo(new Span<byte>(request + 8, NativeAddress.MaxBytes));
        int level = family == AddressFamily.InterNetworkV6 ? SolIpv6 : SolIp;
        return setsockopt(socket, level, option, request, GroupRequestBytes) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>SO_BINDTODEVICE; without a capability since Linux 5.7.</summary>
    internal static int BindTo(SafeSocketHandle socket, string interfaceName)
    {
        Span<byte> name = stackalloc byte[interfaceName.Length + 1];
        System.Text.Encoding.ASCII.GetBytes(interfaceName, name);
        fixed (byte* pointer = name)
            return setsockopt(socket, SolSocket, BindToDevice, pointer, (uint)name.Length) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Datagrams that this socket dropped because its buffer was full (SO_MEMINFO, SK_MEMINFO_DROPS; the counter that SO_RXQ_OVFL attaches to datagrams).</summary>
    internal static long ReadDrops(SafeSocketHandle socket)
    {
        const int fields = 9, drops = 8;
        uint* values = stackalloc uint[fields];
        uint length = fields * sizeof(uint);
        return getsockopt(socket, SolSocket, MemoryInformation, values, &length) == 0 && length > drops * sizeof(uint) ? values[drops] : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(SafeSocketHandle socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(SafeSocketHandle socket, int level, int option, void* value, uint* length);
}

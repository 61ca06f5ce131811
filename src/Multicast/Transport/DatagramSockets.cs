using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>A pair of sockets for one purpose (data or heartbeats): one bound to this node's address, which also sends, and one bound to the group address.</summary>
/// <remarks>Two sockets, so that the path by which a datagram came is known without reading its destination.</remarks>
internal sealed class DatagramSockets : IDisposable
{
    private DatagramSockets(Socket unicast, Socket? group, NativeAddress groupAddress)
    {
        Unicast = unicast;
        Group = group;
        GroupAddress = groupAddress;
        Own = new NativeAddress((IPEndPoint)unicast.LocalEndPoint!);
    }

    /// <summary>Bound to this node's address; all that this node sends comes from it.</summary>
    internal Socket Unicast { get; }

    /// <summary>Joined to the group; null in a unicast group.</summary>
    internal Socket? Group { get; }

    /// <summary>Where the group's datagrams go.</summary>
    internal NativeAddress GroupAddress { get; }

    /// <summary>This node's own address, the source of what it sends.</summary>
    internal NativeAddress Own { get; }

    /// <summary>Bytes of receive buffer that the kernel granted, in its own account (which counts overhead, about twice the payload).</summary>
    internal int ReceiveBufferBytes => SocketOptions.Get((Group ?? Unicast).SafeHandle, SocketOptions.SolSocket, SocketOptions.ReceiveBuffer);

    /// <summary>Bytes of send buffer that the kernel granted, in its own account.</summary>
    internal int SendBufferBytes => SocketOptions.Get(Unicast.SafeHandle, SocketOptions.SolSocket, SocketOptions.SendBuffer);

    /// <summary>Datagrams dropped because a receive buffer was full.</summary>
    internal long ReceiveDrops => SocketOptions.ReadDrops(Unicast.SafeHandle) + (Group is null ? 0 : SocketOptions.ReadDrops(Group.SafeHandle));

    /// <summary>Opens the pair.</summary>
    /// <param name="settings">The group's settings.</param>
    /// <param name="choice">The interface.</param>
    /// <param name="portOffset">0 for data; the distance of the heartbeat port for heartbeats.</param>
    /// <exception cref="GroupTransportException">The kernel refuses; the message says what and why.</exception>
    internal static DatagramSockets Open(GroupSettings settings, InterfaceChoice choice, int portOffset)
    {
        Socket? unicast = null, group = null;
        try
        {
            unicast = OpenUnicast(settings, choice, settings.EffectiveUnicastPort + portOffset);
            var groupEndPoint = new IPEndPoint(settings.UseMulticast ? Scoped(settings.Address, choice) : choice.Address, settings.Port + portOffset);
            var groupAddress = new NativeAddress(groupEndPoint);
            if (settings.UseMulticast) group = OpenGroup(settings, choice, groupEndPoint, groupAddress);
            return new DatagramSockets(unicast, group, groupAddress);
        }
        catch
        {
            unicast?.Dispose();
            group?.Dispose();
            throw;
        }
    }

    /// <summary>Joins the group again, after the interface came back: some drivers forget the address filter.</summary>
    internal void Rejoin(InterfaceChoice choice)
    {
        if (Group is null) return;
        _ = SocketOptions.ChangeMembership(Group.SafeHandle, Group.AddressFamily, SocketOptions.LeaveGroup, choice.Index, GroupAddress);
        _ = SocketOptions.ChangeMembership(Group.SafeHandle, Group.AddressFamily, SocketOptions.JoinGroup, choice.Index, GroupAddress);
    }

    public void Dispose()
    {
        Unicast.Dispose();
        Group?.Dispose();
    }

    private static Socket OpenUnicast(GroupSettings settings, InterfaceChoice choice, int port)
    {
        var socket = new Socket(choice.Address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            var own = new IPEndPoint(choice.Address, port);
            Bind(socket, own, $"another process has port {port} of {choice.Address}: is a node running already?");
            SetBuffers(socket.SafeHandle, settings.SocketBufferBytes);
            PrepareMulticast(socket, settings, choice, settings.TimeToLive, settings.LoopBack);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket OpenGroup(GroupSettings settings, InterfaceChoice choice, IPEndPoint groupEndPoint, NativeAddress groupAddress)
    {
        var socket = new Socket(groupEndPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            bool version6 = groupEndPoint.AddressFamily == AddressFamily.InterNetworkV6;
            // Several nodes of one host (a laboratory on lo) share the group address; each gets a copy.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            Bind(socket, groupEndPoint, $"another program has port {groupEndPoint.Port} of {groupEndPoint.Address} for itself");
            SetBuffers(socket.SafeHandle, settings.SocketBufferBytes);
            // Without this, the socket also gets what other programs joined on other interfaces.
            _ = version6
                ? SocketOptions.Set(socket.SafeHandle, SocketOptions.SolIpv6, SocketOptions.Ipv6MulticastAll, 0)
                : SocketOptions.Set(socket.SafeHandle, SocketOptions.SolIp, SocketOptions.IpMulticastAll, 0);
            int errno = SocketOptions.ChangeMembership(socket.SafeHandle, groupEndPoint.AddressFamily, SocketOptions.JoinGroup, choice.Index, groupAddress);
            if (errno != 0) throw new GroupTransportException($"cannot join group {groupEndPoint.Address} on '{choice.Name}': {Errno.Name(errno)}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sets where a socket's multicast leaves and how far it goes.</summary>
    internal static void PrepareMulticast(Socket socket, GroupSettings settings, InterfaceChoice choice, int timeToLive, bool loopBack)
    {
        bool version6 = socket.AddressFamily == AddressFamily.InterNetworkV6;
        int level = version6 ? SocketOptions.SolIpv6 : SocketOptions.SolIp;
        Require(SocketOptions.Set(socket.SafeHandle, level, version6 ? SocketOptions.Ipv6MtuDiscover : SocketOptions.IpMtuDiscover, SocketOptions.NeverFragment), "forbid fragmentation");
        if (!settings.UseMulticast) return;
        int errno = SocketOptions.SetMulticastInterface(socket.SafeHandle, socket.AddressFamily, choice.Index);
        if (errno != 0) throw new GroupTransportException($"cannot send multicast on '{choice.Name}': {Errno.Name(errno)}");
        Require(SocketOptions.Set(socket.SafeHandle, level, version6 ? SocketOptions.Ipv6MulticastHops : SocketOptions.IpMulticastTtl, timeToLive), "set the multicast TTL");
        Require(SocketOptions.Set(socket.SafeHandle, level, version6 ? SocketOptions.Ipv6MulticastLoop : SocketOptions.IpMulticastLoop, loopBack ? 1 : 0), "set multicast loop-back");
    }

    private static void Bind(Socket socket, IPEndPoint endPoint, string whenInUse)
    {
        try
        {
            socket.Bind(endPoint);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new GroupTransportException($"cannot bind {endPoint}: {whenInUse}", error);
        }
        catch (SocketException error)
        {
            throw new GroupTransportException($"cannot bind {endPoint}: {error.Message}", error);
        }
    }

    // With the capability the asked size; without it what net.core.rmem_max and wmem_max allow. The status shows what was got.
    private static void SetBuffers(SafeSocketHandle socket, int bytes)
    {
        if (SocketOptions.Set(socket, SocketOptions.SolSocket, SocketOptions.ReceiveBufferForce, bytes) != 0)
            _ = SocketOptions.Set(socket, SocketOptions.SolSocket, SocketOptions.ReceiveBuffer, bytes);
        if (SocketOptions.Set(socket, SocketOptions.SolSocket, SocketOptions.SendBufferForce, bytes) != 0)
            _ = SocketOptions.Set(socket, SocketOptions.SolSocket, SocketOptions.SendBuffer, bytes);
    }

    private static void Require(int errno, string what)
    {
        if (errno != 0) throw new GroupTransportException($"the kernel refused to {what}: {Errno.Name(errno)}");
    }

    private static IPAddress Scoped(IPAddress group, InterfaceChoice choice) =>
        group.AddressFamily == AddressFamily.InterNetworkV6 ? new IPAddress(group.GetAddressBytes(), choice.Index) : group;
}

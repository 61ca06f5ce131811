using System.Net;
using System.Net.Sockets;
using Appliance.Interop;
using Appliance.Multicast;
using Appliance.Multicast.Transport;
using Appliance.TcpStateMirror.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Addresses;

/// <summary>Asks a link at start whether someone has our addresses (RFC 5227 section 2.1, RFC 4862 section 5.4), before this node ever owns them.</summary>
internal static class ConflictProbe
{
    /// <summary>RFC 5227 PROBE_NUM.</summary>
    internal const int Probes = 3;

    /// <summary>Probes three times and listens. Blocks for <paramref name="patience"/>; not for the failover path.</summary>
    /// <param name="link">Where to ask; up and with carrier.</param>
    /// <param name="addresses">For what.</param>
    /// <param name="patience">In all; the probes are spread over its first half. 200 ms suffices on a local network.</param>
    /// <returns>The first claim on each address. When a node of the group is the primary already, it is the claimant: not an error.</returns>
    /// <exception cref="NetworkSetupException">Not permitted (CAP_NET_RAW), or the link cannot send.</exception>
    internal static IReadOnlyList<AddressConflict> Run(NetworkLink link, IReadOnlyList<IPAddress> addresses, TimeSpan patience)
    {
        using var sockets = new ConflictSockets(link);
        HardwareAddress own = HardwareAddress.From(link.HardwareAddress);
        var detector = new ConflictDetector(own, addresses);
        var found = new Dictionary<int, AddressConflict>();
        Timestamp start = EventLoop.ReadClock(), end = start + patience;
        int sent = 0;
        byte[] frame = new byte[128];
        while (EventLoop.ReadClock() is var now && now < end)
        {
            if (sent < Probes && now >= start + patience / 2 * sent / Probes)
            {
                Ask(sockets, link, own, addresses);
                sent++;
            }
            Timestamp next = sent < Probes ? start + patience / 2 * sent / Probes : end;
            _ = PacketSocket.Wait((int)Math.Ceiling(Math.Max(0, (next - now).TotalMilliseconds)), sockets.Arp, sockets.Discovery);
            Collect(sockets.Arp, detector, frame, found);
            Collect(sockets.Discovery, detector, frame, found);
        }
        return [.. found.OrderBy(static pair => pair.Key).Select(static pair => pair.Value)];
    }

    private static void Ask(ConflictSockets sockets, NetworkLink link, HardwareAddress own, IReadOnlyList<IPAddress> addresses)
    {
        foreach (IPAddress address in addresses)
        {
            int error = Ask(sockets, own, address);
            if (error < 0) throw new NetworkSetupException(-error, $"cannot ask on {link.Name} who has {address}: {Errno.Text(error)}");
        }
    }

    /// <summary>Sends one probe.</summary>
    /// <returns>The negative errno when it could not be sent.</returns>
    internal static int Ask(ConflictSockets sockets, HardwareAddress own, IPAddress address)
    {
        Span<byte> frame = stackalloc byte[NeighbourFrame.AdvertisementBytes];
        bool isIPv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        if (isIPv6) NeighbourFrame.WriteProbe(frame, own, address);
        else ArpFrame.WriteProbe(frame, own, address);
        return KernelSocket.Send(isIPv6 ? sockets.Discovery : sockets.Arp, frame[..(isIPv6 ? NeighbourFrame.ProbeBytes : ArpFrame.FrameBytes)]);
    }

    private static void Collect(SafeFileHandle socket, ConflictDetector detector, byte[] frame, Dictionary<int, AddressConflict> found)
    {
        for (int bytes; (bytes = KernelSocket.Receive(socket, frame)) >= 0;)
        {
            // Others may probe at the same time as we do, the nodes of this group above all: that claims nothing.
            if (detector.TryInspect(frame.AsSpan(0, bytes), out int index, out ConflictKind kind, out HardwareAddress claimant) && kind != ConflictKind.Probed)
                found.TryAdd(index, new AddressConflict(detector.Addresses[index], kind, claimant));
        }
    }
}

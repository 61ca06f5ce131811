using Appliance.Interop;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Addresses;

/// <summary>Two packet sockets of a link: one for ARP, one for neighbour discovery, filtered in the kernel so that other traffic costs nothing here.</summary>
internal sealed class ConflictSockets : IDisposable
{
    /// <summary>Return the whole frame if it is ICMPv6 of type 135 or 136, else nothing. Classic BPF, uapi/linux/bpf_common.h: 0x30 load byte, 0x15 jump if equal, 0x06 return.</summary>
    private static readonly PacketSocket.FilterInstruction[] DiscoveryFilter =
    [
        new(0x30, 0, 0, NeighbourFrame.NextHeaderOffset),
        new(0x15, 0, 4, NeighbourFrame.Icmp6),
        new(0x30, 0, 0, NeighbourFrame.TypeOffset),
        new(0x15, 1, 0, NeighbourFrame.Solicitation),
        new(0x15, 0, 1, NeighbourFrame.Advertisement),
        new(0x06, 0, 0, uint.MaxValue),
        new(0x06, 0, 0, 0),
    ];

    /// <summary>Opens both on the link.</summary>
    /// <exception cref="NetworkSetupException">Not permitted (CAP_NET_RAW), or no Ethernet link.</exception>
    internal ConflictSockets(NetworkLink link)
    {
        if (!link.IsEthernet) throw new NetworkSetupException(Errno.Invalid, $"cannot watch for address conflicts on {link.Name}: it is no Ethernet link");
        using var undo = new DisposeStack();
        Arp = undo.Add(Open(link, ArpFrame.EtherType, []));
        Discovery = undo.Add(Open(link, NeighbourFrame.EtherType, DiscoveryFilter));
        undo.Keep();
    }

    internal SafeFileHandle Arp { get; }

    internal SafeFileHandle Discovery { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Arp.Dispose();
        Discovery.Dispose();
    }

    private static SafeFileHandle Open(NetworkLink link, ushort etherType, PacketSocket.FilterInstruction[] filter)
    {
        int descriptor = PacketSocket.Open(link.Index, etherType, filter);
        return descriptor >= 0
            ? KernelObjects.Own(descriptor)
            : throw new NetworkSetupException(-descriptor, $"cannot watch for address conflicts on {link.Name}: {Errno.Text(descriptor)}{(descriptor == -Errno.NotPermitted ? " (CAP_NET_RAW)" : "")}");
    }
}

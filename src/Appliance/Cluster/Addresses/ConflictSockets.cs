using Appliance.Interop;
using Appliance.TcpStateMirror.Capture.Filter;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cluster.Addresses;

/// <summary>Two packet sockets of a link: one for ARP, one for neighbour discovery, filtered in the kernel so that other traffic costs nothing here.</summary>
internal sealed class ConflictSockets : IDisposable
{
    /// <summary>Return the whole frame if it is ICMPv6 of type 135 or 136, else nothing.</summary>
    private static readonly BpfInstruction[] DiscoveryFilter =
    [
        new(BpfCode.LoadByte, 0, 0, NeighbourFrame.NextHeaderOffset),
        new(BpfCode.JumpEqual, 0, 4, NeighbourFrame.Icmp6),
        new(BpfCode.LoadByte, 0, 0, NeighbourFrame.TypeOffset),
        new(BpfCode.JumpEqual, 1, 0, NeighbourFrame.Solicitation),
        new(BpfCode.JumpEqual, 0, 1, NeighbourFrame.Advertisement),
        new(BpfCode.Return, 0, 0, uint.MaxValue),
        new(BpfCode.Return, 0, 0, 0),
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

    private static SafeFileHandle Open(NetworkLink link, ushort etherType, BpfInstruction[] filter)
    {
        int error = FrameSocket.Open(link.Index, etherType, filter, out SafeFileHandle socket);
        return error == 0 ? socket : throw new NetworkSetupException(error, $"cannot watch for address conflicts on {link.Name}: {Errno.Text(error)}{(error == Errno.NotPermitted ? " (CAP_NET_RAW)" : "")}");
    }
}

using System.Net;
using System.Net.Sockets;
using Appliance.Multicast.Interop;

namespace Appliance.Multicast.Transport;

/// <summary>The interface that carries the group, found by name or by address.</summary>
/// <param name="Name">The kernel's name, such as <c>eth1</c>.</param>
/// <param name="Index">The kernel's number.</param>
/// <param name="Address">The source address of everything that this node sends to the group.</param>
/// <param name="MtuBytes">Largest IP packet.</param>
/// <param name="IsLoopback">It is <c>lo</c>: every node is on this machine.</param>
internal sealed record InterfaceChoice(string Name, int Index, IPAddress Address, int MtuBytes, bool IsLoopback)
{
    /// <summary>Finds the interface and checks that it can carry the group.</summary>
    /// <param name="nameOrAddress">An interface's name or one of its addresses.</param>
    /// <param name="family">The family of the group address (or of the peers): the interface needs an address of it.</param>
    /// <param name="needsMulticast">The transport is multicast.</param>
    /// <exception cref="GroupTransportException">No such interface, it is down, has no address of the family, or cannot do multicast.</exception>
    internal static InterfaceChoice Find(string nameOrAddress, AddressFamily family, bool needsMulticast)
    {
        List<Interfaces.Entry> entries = Interfaces.ListAddresses();
        string wanted = IPAddress.TryParse(nameOrAddress, out IPAddress? address) ? NameOfAddress(entries, address) : nameOrAddress;
        int index = Interfaces.IndexOf(wanted);
        if (index == 0)
            throw new GroupTransportException($"group interface '{nameOrAddress}' does not exist on this host; it has {Names(entries)}");
        using var any = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        uint flags = Interfaces.ReadFlags(any.SafeHandle, wanted);
        bool loopback = (flags & Interfaces.Loopback) != 0;
        if ((flags & Interfaces.Up) == 0)
            throw new GroupTransportException($"group interface '{wanted}' is down; bring it up with 'ip link set {wanted} up'");
        // lo carries multicast although it lacks the flag: what is sent there is received there.
        if (needsMulticast && !loopback && (flags & Interfaces.Multicast) == 0)
            throw new GroupTransportException($"group interface '{wanted}' does not do multicast (no MULTICAST flag); choose another, set the flag, or use transport = unicast");
        IPAddress? source = address ?? ChooseAddress(entries, wanted, family);
        if (source is null || source.AddressFamily != family)
            throw new GroupTransportException($"group interface '{wanted}' has no {FamilyName(family)} address, which the group's addresses need");
        return new InterfaceChoice(wanted, index, source, Interfaces.ReadMtu(any.SafeHandle, wanted), loopback);
    }

    /// <summary>Bytes of UDP payload that fit into one packet.</summary>
    internal int MaxDatagramBytes => MtuBytes - HeaderBytes(Address.AddressFamily);

    /// <summary>Bytes of IP and UDP headers.</summary>
    internal static int HeaderBytes(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? 48 : 28;

    private static string NameOfAddress(List<Interfaces.Entry> entries, IPAddress address)
    {
        foreach (Interfaces.Entry entry in entries)
            if (entry.Address.Equals(address)) return entry.Name;
        // The whole of 127.0.0.0/8 is local to lo although only 127.0.0.1 is listed: a laboratory gives each node one of them.
        if (IPAddress.IsLoopback(address) && entries.Find(static entry => (entry.Flags & Interfaces.Loopback) != 0) is { Name: not null } loopback) return loopback.Name;
        throw new GroupTransportException($"group interface address {address} is on no interface of this host; it has {Names(entries)}");
    }

    // Link-local IPv6 comes first: it is there without configuration, and the group does not leave the link.
    private static IPAddress? ChooseAddress(List<Interfaces.Entry> entries, string name, AddressFamily family)
    {
        IPAddress? chosen = null;
        foreach (Interfaces.Entry entry in entries)
        {
            if (entry.Name != name || entry.Address.AddressFamily != family) continue;
            if (chosen is null || (entry.Address.IsIPv6LinkLocal && !chosen.IsIPv6LinkLocal)) chosen = entry.Address;
        }
        return chosen;
    }

    private static string Names(List<Interfaces.Entry> entries) =>
        string.Join(", ", entries.Select(static entry => $"{entry.Name} ({entry.Address})").Distinct());

    private static string FamilyName(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";
}

using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Cluster.Addresses;

/// <summary>Look-up of network interfaces by RTM_GETLINK (net/core/rtnetlink.c), without a process or /sys.</summary>
internal static class LinkTable
{
    private const ushort NewLink = 16, GetLink = 18;
    private const ushort AttributeAddress = 1, AttributeName = 3, AttributeMtu = 4, AttributeMask = 29;
    private const int InformationBytes = 16, NameBytes = 16;
    private const uint Up = 0x1, Loopback = 0x8, Multicast = 0x1000, LowerUp = 0x10000;
    private const uint WithoutStatistics = 1 << 3;                 // RTEXT_FILTER_SKIP_STATS: shorter answers

    /// <summary>The interface of that name.</summary>
    /// <exception cref="NetworkSetupException">There is none.</exception>
    internal static NetworkLink Find(RouteSocket socket, string name) =>
        TryFind(socket, name) ?? throw new NetworkSetupException(Errno.NoDevice, $"there is no network interface '{name}' ({Names(socket)})");

    /// <summary>The interface of that name, or null.</summary>
    /// <exception cref="NetworkSetupException">The look-up itself failed.</exception>
    internal static NetworkLink? TryFind(RouteSocket socket, string name)
    {
        if (name.Length is 0 or >= NameBytes) return null;
        NetworkLink? found = null;
        Span<byte> request = stackalloc byte[128];
        var writer = new NetlinkWriter(request);
        Begin(ref writer, 0);
        writer.Attribute(AttributeName, name);
        writer.End();
        int error = socket.Query(request[..writer.Length], (type, body) => found = Read(type, body, name) ?? found);
        if (error is not 0 and not Errno.NoDevice) throw new NetworkSetupException(error, $"cannot look up the network interface '{name}': {Errno.Text(error)}");
        return found;
    }

    /// <summary>All interfaces of this network namespace.</summary>
    /// <exception cref="NetworkSetupException">The look-up failed.</exception>
    internal static IReadOnlyList<NetworkLink> List(RouteSocket socket)
    {
        var links = new List<NetworkLink>();
        Span<byte> request = stackalloc byte[64];
        var writer = new NetlinkWriter(request);
        Begin(ref writer, NetlinkWriter.Dump);
        writer.Attribute(AttributeMask, WithoutStatistics);
        writer.End();
        int error = socket.Query(request[..writer.Length], (type, body) =>
        {
            if (Read(type, body, null) is { } link) links.Add(link);
        });
        return error == 0 ? links : throw new NetworkSetupException(error, $"cannot list the network interfaces: {Errno.Text(error)}");
    }

    /// <summary>Switches a link on.</summary>
    /// <returns>0 or the errno.</returns>
    internal static int SwitchOn(RouteSocket socket, NetworkLink link)
    {
        Span<byte> request = stackalloc byte[32];
        var writer = new NetlinkWriter(request);
        writer.Begin(NewLink, NetlinkWriter.Acknowledge);
        writer.Put(0u);                                                   // struct ifinfomsg: family, type, index, flags, mask of flags to change
        writer.Put(link.Index);
        writer.Put(Up);
        writer.Put(Up);
        writer.End();
        return socket.Transact(request[..writer.Length]);
    }

    private static void Begin(ref NetlinkWriter writer, ushort flags)
    {
        writer.Begin(GetLink, flags);
        writer.Put(0L);                                                   // struct ifinfomsg
        writer.Put(0L);
    }

    private static NetworkLink? Read(ushort type, ReadOnlySpan<byte> body, string? askedFor)
    {
        if (type != NewLink || body.Length < InformationBytes) return null;
        int kind = MemoryMarshal.Read<ushort>(body[2..]), index = MemoryMarshal.Read<int>(body[4..]);
        uint flags = MemoryMarshal.Read<uint>(body[8..]);
        string name = "";
        PhysicalAddress hardware = PhysicalAddress.None;
        int mtu = 0;
        var attributes = new NetlinkAttributes(body[InformationBytes..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == AttributeName) name = attributes.Text;
            else if (attributes.Type == AttributeAddress) hardware = new PhysicalAddress(attributes.Value.ToArray());
            else if (attributes.Type == AttributeMtu) mtu = (int)attributes.UInt32;
        }
        bool up = (flags & Up) != 0;
        return new NetworkLink(askedFor ?? name, index, hardware, mtu, kind, up, up && (flags & LowerUp) != 0, (flags & (Multicast | Loopback)) != 0);
    }

    private static string Names(RouteSocket socket)
    {
        string names = string.Join(", ", List(socket).Select(static link => link.Name).Order(StringComparer.Ordinal));
        return names.Length == 0 ? "there is none at all" : $"there are {names}";
    }
}

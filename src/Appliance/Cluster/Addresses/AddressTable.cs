using System.Net;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Cluster.Addresses;

/// <summary>Look-up of the addresses of this network namespace by RTM_GETADDR.</summary>
internal static class AddressTable
{
    private const ushort NewAddress = 20, GetAddress = 22;
    private const ushort AttributeAddress = 1, AttributeLocal = 2, AttributeFlags = 8;
    private const int InformationBytes = 8;
    private const uint Tentative = 0x40, FailedDetection = 0x08;

    /// <summary>Every IPv4 and IPv6 address, of one link or of all.</summary>
    /// <param name="socket">The conversation.</param>
    /// <param name="interfaceIndex">The link; 0 for all.</param>
    /// <exception cref="NetworkSetupException">The look-up failed.</exception>
    internal static IReadOnlyList<InterfaceAddress> List(RouteSocket socket, int interfaceIndex)
    {
        var addresses = new List<InterfaceAddress>();
        Span<byte> request = stackalloc byte[32];
        var writer = new NetlinkWriter(request);
        writer.Begin(GetAddress, NetlinkWriter.Dump);
        writer.Put(0L);                                                   // struct ifaddrmsg, every family; filtered here, for kernels that cannot
        writer.End();
        int error = socket.Query(request[..writer.Length], (type, body) =>
        {
            if (Read(type, body) is { } address && (interfaceIndex == 0 || address.InterfaceIndex == interfaceIndex)) addresses.Add(address);
        });
        return error == 0 ? addresses : throw new NetworkSetupException(error, $"cannot list the addresses of this host: {Errno.Text(error)}");
    }

    private static InterfaceAddress? Read(ushort type, ReadOnlySpan<byte> body)
    {
        if (type != NewAddress || body.Length < InformationBytes) return null;
        int prefix = body[1], index = MemoryMarshal.Read<int>(body[4..]);
        uint flags = body[2];
        ReadOnlySpan<byte> local = default, remote = default;
        var attributes = new NetlinkAttributes(body[InformationBytes..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == AttributeLocal) local = attributes.Value;
            else if (attributes.Type == AttributeAddress) remote = attributes.Value;
            else if (attributes.Type == AttributeFlags) flags = attributes.UInt32;
        }
        // On a point-to-point link the address attribute is the peer's.
        ReadOnlySpan<byte> own = local.IsEmpty ? remote : local;
        return own.Length is 4 or 16 ? new InterfaceAddress(new IPAddress(own), prefix, index, (flags & Tentative) != 0, (flags & FailedDetection) != 0) : null;
    }
}

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Appliance.Interop;

namespace Appliance.Cluster.Addresses;

/// <summary>The virtual addresses of one link, ready to be added and removed by rtnetlink in one request (net/ipv4/devinet.c, net/ipv6/addrconf.c).</summary>
/// <remarks>
/// IPv4 as /32 and IPv6 as /128: they bring no route of their own. IPv6 without duplicate address detection, which would keep the address mute for a second (conflicts are probed at start and watched after), and
/// deprecated, so that the host does not pick it as the source of its own connections (RFC 6724 rule 3); it serves all the same.
/// <see cref="Add"/> and <see cref="Remove"/> allocate nothing. Not thread-safe. Works in the network namespace of the thread that made it.
/// </remarks>
internal sealed class VirtualAddressSet : IDisposable
{
    internal const int MaxAddresses = 1024;
    private const ushort NewAddress = 20, DeleteAddress = 21;
    private const ushort AttributeAddress = 1, AttributeLocal = 2, AttributeCacheInformation = 6, AttributeFlags = 8;
    private const uint WithoutDetection = 0x02, WithoutPrefixRoute = 0x200;       // uapi/linux/if_addr.h, IFA_F_
    private const int MaxMessageBytes = 96;

    /// <summary>Per system call: its acknowledgements fit the socket's default receive buffer several times.</summary>
    private const int BatchAddresses = 64;

    private readonly RouteSocket _socket = new();
    private readonly IPAddress[] _addresses;
    private readonly Memory<byte>[] _additions;
    private readonly Memory<byte>[] _removals;
    private readonly int[] _errors;

    /// <summary>Prepares the requests.</summary>
    /// <param name="interfaceName">The link that will carry the addresses.</param>
    /// <param name="addresses">IPv4 and IPv6, at most <see cref="MaxAddresses"/>.</param>
    /// <exception cref="NetworkSetupException">There is no such link, or too many addresses.</exception>
    internal VirtualAddressSet(string interfaceName, IReadOnlyList<IPAddress> addresses)
    {
        if (addresses.Count > MaxAddresses) throw new NetworkSetupException(Errno.Invalid, $"{interfaceName} would get {addresses.Count} virtual addresses: at most {MaxAddresses}");
        using var undo = new DisposeStack();
        undo.Add(_socket);
        Link = LinkTable.Find(_socket, interfaceName);
        undo.Keep();
        _addresses = [.. addresses];
        _errors = new int[Math.Min(addresses.Count, BatchAddresses)];
        _additions = Prepare(NewAddress, NetlinkWriter.Acknowledge | NetlinkWriter.Create | NetlinkWriter.Exclusive);
        _removals = Prepare(DeleteAddress, NetlinkWriter.Acknowledge);
    }

    /// <summary>The link as it was found.</summary>
    internal NetworkLink Link { get; }

    /// <summary>The addresses in their order.</summary>
    internal IReadOnlyList<IPAddress> Addresses => _addresses;

    /// <summary>Adds all that are missing. When it returns the kernel answers for them.</summary>
    internal AddressOutcome Add() => Run(_additions, Errno.Exists);

    /// <summary>Removes all that are there.</summary>
    internal AddressOutcome Remove() => Run(_removals, Errno.AddressNotAvailable);

    /// <summary>One sentence about an outcome that is not complete.</summary>
    internal string Describe(AddressOutcome outcome)
    {
        string what = outcome.FailedIndex < 0 ? $"the virtual addresses of {Link.Name}" : $"{_addresses[outcome.FailedIndex]} on {Link.Name}";
        return outcome.Error switch
        {
            0 => $"{what}: as they should be",
            Errno.NotPermitted => $"cannot change {what}: the process lacks CAP_NET_ADMIN",
            Errno.NoDevice => $"cannot change {what}: the interface with number {Link.Index} is gone; was it made anew? Look it up again",
            Errno.AccessDenied or Errno.NotSupported => $"cannot change {what}: IPv6 is switched off there (sysctl -w net/ipv6/conf/{Link.Name}/disable_ipv6=0)",
            _ => $"cannot change {what}: {Errno.Text(outcome.Error)}{(_socket.Explanation.Length == 0 ? "" : $" ({_socket.Explanation})")}",
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private AddressOutcome Run(Memory<byte>[] batches, int alreadySo)
    {
        int changed = 0, unchanged = 0, error = 0, failed = -1;
        for (int batch = 0; batch < batches.Length; batch++)
        {
            int first = batch * BatchAddresses;
            Span<int> errors = _errors.AsSpan(0, Math.Min(BatchAddresses, _addresses.Length - first));
            int socketError = _socket.Transact(batches[batch].Span, errors);
            if (socketError != 0) return new AddressOutcome(changed, unchanged, socketError, -1);
            for (int index = 0; index < errors.Length; index++)
            {
                if (errors[index] == 0) changed++;
                else if (errors[index] == alreadySo) unchanged++;
                else if (error == 0) (error, failed) = (errors[index], first + index);
            }
        }
        return new AddressOutcome(changed, unchanged, error, failed);
    }

    private Memory<byte>[] Prepare(ushort type, int flags)
    {
        var batches = new Memory<byte>[(_addresses.Length + BatchAddresses - 1) / BatchAddresses];
        Span<byte> value = stackalloc byte[16];
        for (int batch = 0; batch < batches.Length; batch++)
        {
            byte[] buffer = new byte[BatchAddresses * MaxMessageBytes];
            var writer = new NetlinkWriter(buffer);
            foreach (IPAddress address in _addresses.Skip(batch * BatchAddresses).Take(BatchAddresses))
            {
                address.TryWriteBytes(value, out int bytes);
                writer.Begin(type, (ushort)flags);
                Write(ref writer, address.AddressFamily, value[..bytes], type == NewAddress);
                writer.End();
            }
            batches[batch] = buffer.AsMemory(0, writer.Length);
        }
        return batches;
    }

    /// <summary>struct ifaddrmsg (family, prefix length, flags, scope, interface) and its attributes.</summary>
    private void Write(ref NetlinkWriter writer, AddressFamily family, scoped ReadOnlySpan<byte> address, bool add)
    {
        const byte inet = 2, inet6 = 10;
        bool isIPv6 = family == AddressFamily.InterNetworkV6;
        writer.Put(isIPv6 ? inet6 : inet);
        writer.Put((byte)(address.Length * 8));
        writer.Put((ushort)0);
        writer.Put(Link.Index);
        writer.Attribute(AttributeLocal, address);
        writer.Attribute(AttributeAddress, address);
        if (!add || !isIPv6) return;
        writer.Attribute(AttributeFlags, WithoutDetection | WithoutPrefixRoute);
        ReadOnlySpan<uint> preferredNeverValidForever = [0, uint.MaxValue, 0, 0];
        writer.Attribute(AttributeCacheInformation, MemoryMarshal.AsBytes(preferredNeverValidForever));
    }
}

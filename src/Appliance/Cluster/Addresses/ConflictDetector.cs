using System.Net;
using System.Net.Sockets;

namespace Appliance.Cluster.Addresses;

/// <summary>Reads ARP and neighbour discovery for claims of other hosts on our addresses. No I/O; allocates nothing per frame. Any bytes are fine.</summary>
internal sealed class ConflictDetector
{
    private readonly HardwareAddress _own;
    private readonly IPAddress[] _addresses;
    private readonly byte[] _ipv4;
    private readonly byte[] _ipv6;
    private readonly int[] _ipv4Index;
    private readonly int[] _ipv6Index;

    /// <summary>A detector for a link.</summary>
    /// <param name="own">The link's MAC; what carries it is ours.</param>
    /// <param name="addresses">The addresses that are ours or will be.</param>
    internal ConflictDetector(HardwareAddress own, IReadOnlyList<IPAddress> addresses)
    {
        _own = own;
        _addresses = [.. addresses];
        _ipv4Index = IndexesOf(AddressFamily.InterNetwork);
        _ipv6Index = IndexesOf(AddressFamily.InterNetworkV6);
        _ipv4 = Concatenate(_ipv4Index, 4);
        _ipv6 = Concatenate(_ipv6Index, 16);
    }

    /// <summary>The addresses watched for.</summary>
    internal IReadOnlyList<IPAddress> Addresses => _addresses;

    /// <summary>True when the frame is another host's claim.</summary>
    /// <param name="frame">From its Ethernet header, perhaps cut at its end.</param>
    /// <param name="index">Which of <see cref="Addresses"/>.</param>
    /// <param name="kind">How.</param>
    /// <param name="claimant">The other host's MAC.</param>
    internal bool TryInspect(ReadOnlySpan<byte> frame, out int index, out ConflictKind kind, out HardwareAddress claimant)
    {
        index = -1;
        kind = default;
        claimant = default;
        if (ArpFrame.TryParse(frame, out ArpFrame arp)) return Inspect(arp, ref index, ref kind, ref claimant);
        return NeighbourFrame.TryParse(frame, out NeighbourFrame neighbour) && Inspect(neighbour, ref index, ref kind, ref claimant);
    }

    private bool Inspect(ArpFrame arp, ref int index, ref ConflictKind kind, ref HardwareAddress claimant)
    {
        claimant = arp.SenderHardware;
        if (claimant == _own) return false;
        if (Find(_ipv4, _ipv4Index, arp.Sender) is >= 0 and var sender)
        {
            index = sender;
            kind = arp.Sender.SequenceEqual(arp.Target) ? ConflictKind.Announced : arp.Operation == ArpFrame.Reply ? ConflictKind.Answered : ConflictKind.Used;
            return true;
        }
        index = arp.Operation == ArpFrame.Request && arp.Sender.IndexOfAnyExcept((byte)0) < 0 ? Find(_ipv4, _ipv4Index, arp.Target) : -1;
        kind = ConflictKind.Probed;
        return index >= 0;
    }

    private bool Inspect(NeighbourFrame neighbour, ref int index, ref ConflictKind kind, ref HardwareAddress claimant)
    {
        claimant = neighbour.Hardware;
        if (claimant == _own) return false;
        if (neighbour.IsAdvertisement)
        {
            index = Find(_ipv6, _ipv6Index, neighbour.Target);
            kind = neighbour.IsSolicited ? ConflictKind.Answered : ConflictKind.Announced;
        }
        else if (neighbour.Source.IndexOfAnyExcept((byte)0) < 0)
        {
            index = Find(_ipv6, _ipv6Index, neighbour.Target);
            kind = ConflictKind.Probed;
        }
        else
        {
            index = Find(_ipv6, _ipv6Index, neighbour.Source);
            kind = ConflictKind.Used;
        }
        return index >= 0;
    }

    private static int Find(ReadOnlySpan<byte> addresses, int[] indexes, ReadOnlySpan<byte> address)
    {
        for (int place = 0; place < indexes.Length; place++)
            if (addresses.Slice(place * address.Length, address.Length).SequenceEqual(address)) return indexes[place];
        return -1;
    }

    private int[] IndexesOf(AddressFamily family) => [.. Enumerable.Range(0, _addresses.Length).Where(index => _addresses[index].AddressFamily == family)];

    private byte[] Concatenate(int[] indexes, int bytes)
    {
        byte[] all = new byte[indexes.Length * bytes];
        for (int place = 0; place < indexes.Length; place++) _addresses[indexes[place]].TryWriteBytes(all.AsSpan(place * bytes), out _);
        return all;
    }
}

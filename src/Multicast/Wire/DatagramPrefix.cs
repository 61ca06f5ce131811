using System.Buffers.Binary;

namespace Appliance.Multicast.Wire;

/// <summary>What can be read of any datagram, also of one from a later wire version (P-01).</summary>
/// <remarks>
/// <code>
///  0         1      2       4       8
///  | version | type | flags | group | ...
/// </code>
/// A REPAIR is a prefix and, from byte 8 on, the original DATA datagram (P-60).
/// </remarks>
internal readonly ref struct DatagramPrefix
{
    private readonly ReadOnlySpan<byte> _datagram;

    private DatagramPrefix(ReadOnlySpan<byte> datagram) => _datagram = datagram;

    public byte Version => _datagram[0];
    public DatagramType Type => (DatagramType)_datagram[1];
    public DatagramFlags Flags => (DatagramFlags)BinaryPrimitives.ReadUInt16BigEndian(_datagram[2..]);
    public uint Group => BinaryPrimitives.ReadUInt32BigEndian(_datagram[4..]);

    /// <summary>Checks the length.</summary>
    public static DropReason TryParse(ReadOnlySpan<byte> datagram, out DatagramPrefix prefix)
    {
        prefix = default;
        if (datagram.Length < DatagramHeader.PrefixBytes) return DropReason.Truncated;
        prefix = new DatagramPrefix(datagram);
        return DropReason.None;
    }

    /// <summary>Wraps a DATA datagram: writes the prefix and copies the datagram behind it.</summary>
    /// <returns>Length of the REPAIR.</returns>
    public static int WriteRepair(Span<byte> destination, byte version, uint group, ReadOnlySpan<byte> original)
    {
        DatagramHeader.WritePrefix(destination, version, DatagramType.Repair, DatagramFlags.None, group);
        original.CopyTo(destination[DatagramHeader.PrefixBytes..]);
        return DatagramHeader.PrefixBytes + original.Length;
    }
}

using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>An Ethernet II frame with any VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).</summary>
/// <remarks>
/// <code>
///  0             6        12           12 + 4 n    14 + 4 n
///  | destination | source | n VLAN tags | EtherType | payload
///                           each: 0x8100, 0x88a8 or 0x9100, then priority and VLAN id
/// </code>
/// An 802.3 length with an LLC/SNAP header stands for the EtherType behind it.
/// </remarks>
internal readonly ref struct EthernetView
{
    private const int AddressesBytes = 12, TypeBytes = 2, TagBytes = 4, SnapBytes = 8;
    private const int SmallestEtherType = 0x600; // below, the field is the length of an 802.3 frame
    private const int MaxTags = 8; // two are usual; providers stack some more

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _payload;

    private EthernetView(ReadOnlySpan<byte> bytes, ushort etherType, int payload)
    {
        _bytes = bytes;
        _payload = payload;
        EtherType = etherType;
    }

    /// <summary>What the payload is; 0 when it is an 802.3 frame without SNAP.</summary>
    public ushort EtherType { get; }

    /// <summary>What stands behind the link header.</summary>
    public ReadOnlySpan<byte> Payload => _bytes[_payload..];

    /// <summary>False when the frame ends inside its link header.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out EthernetView view)
    {
        view = default;
        int offset = AddressesBytes, tags = 0;
        while (true)
        {
            if (bytes.Length < offset + TypeBytes) return false;
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]);
            if (!IsTag(type) || tags == MaxTags)
            {
                offset += TypeBytes;
                if (type < SmallestEtherType) type = SnapType(bytes[offset..], ref offset);
                view = new EthernetView(bytes, type, offset);
                return true;
            }
            tags++;
            offset += TagBytes;
        }
    }

    private static bool IsTag(ushort type) => type is EtherTypes.Vlan or EtherTypes.ProviderVlan or EtherTypes.OldProviderVlan;

    // AA AA 03, then the organisation 00 00 00, then an EtherType (RFC 1042).
    private static ushort SnapType(ReadOnlySpan<byte> payload, ref int offset)
    {
        if (payload.Length < SnapBytes || !payload.StartsWith(Snap)) return 0;
        offset += SnapBytes;
        return BinaryPrimitives.ReadUInt16BigEndian(payload[6..]);
    }

    private static ReadOnlySpan<byte> Snap => [0xaa, 0xaa, 3, 0, 0, 0];
}

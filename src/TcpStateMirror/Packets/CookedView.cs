using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>A Linux cooked header: what a capture on all links at once has instead of a link header (pcap's LINKTYPE_LINUX_SLL and _SLL2).</summary>
/// <remarks>
/// <code>
/// first version:   0             2          4              6          14         16
///                  | packet type | hardware | address size | address  | protocol | payload
/// second version:  0          2     4                 8          10            11             12        20
///                  | protocol | 0   | interface index | hardware | packet type | address size | address | payload
/// </code>
/// </remarks>
internal readonly ref struct CookedView
{
    private const int Bytes1 = 16, Bytes2 = 20;

    private CookedView(ushort protocol, ReadOnlySpan<byte> payload)
    {
        Protocol = protocol;
        Payload = payload;
    }

    /// <summary>EtherType of the payload.</summary>
    public ushort Protocol { get; }

    /// <summary>What stands behind the header.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Reads the first version; false when the frame ends inside the header.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out CookedView view) => TryParse(bytes, 14, Bytes1, out view);

    /// <summary>Reads the second version; false when the frame ends inside the header.</summary>
    public static bool TryParse2(ReadOnlySpan<byte> bytes, out CookedView view) => TryParse(bytes, 0, Bytes2, out view);

    private static bool TryParse(ReadOnlySpan<byte> bytes, int protocolAt, int headerBytes, out CookedView view)
    {
        view = default;
        if (bytes.Length < headerBytes) return false;
        view = new CookedView(BinaryPrimitives.ReadUInt16BigEndian(bytes[protocolAt..]), bytes[headerBytes..]);
        return true;
    }
}

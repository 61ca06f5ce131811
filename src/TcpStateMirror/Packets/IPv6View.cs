using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>An IPv6 datagram with its extension headers (RFC 8200).</summary>
/// <remarks>
/// <code>
///  0                    4                6             7           8        24            40
///  | version, class ... | payload length | next header | hop limit | source | destination | extension headers, payload
/// </code>
/// A payload length of 0 is a jumbogram (RFC 2675) or what a card that cuts segments leaves behind: the datagram then reaches to the end of the frame.
/// </remarks>
internal readonly ref struct IPv6View
{
    /// <summary>Header without extension headers.</summary>
    public const int MinHeaderBytes = 40;

    private const int MaxExtensions = 16; // RFC 8200 knows seven kinds, each meant to occur once, one twice
    private const byte HopByHop = 0, Routing = 43, FragmentHeader = 44, Authentication = 51, DestinationOptions = 60, Mobility = 135, HostIdentity = 139, Shim = 140;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _fragmentAt;

    private IPv6View(ReadOnlySpan<byte> bytes, int headerBytes, int payloadBytes, byte protocol, int fragmentAt)
    {
        _bytes = bytes;
        _fragmentAt = fragmentAt;
        HeaderBytes = headerBytes;
        PayloadBytes = payloadBytes;
        Protocol = protocol;
    }

    /// <summary>All headers up to the payload.</summary>
    public int HeaderBytes { get; }

    /// <summary>Bytes behind all headers as the first tells; the frame may hold fewer.</summary>
    public int PayloadBytes { get; }

    /// <summary>Protocol number of the payload: the next header that is no extension.</summary>
    public byte Protocol { get; }

    /// <summary>Those of the payload that were captured.</summary>
    public ReadOnlySpan<byte> Payload => _bytes.Slice(HeaderBytes, Math.Min(PayloadBytes, _bytes.Length - HeaderBytes));

    /// <summary>Where the payload belongs, if this is a part of a datagram; the default without a fragment header.</summary>
    public FragmentPlace Fragment => _fragmentAt == 0 ? default : PlaceAt(_bytes[_fragmentAt..]);

    /// <summary>Source address.</summary>
    public ReadOnlySpan<byte> Source => _bytes.Slice(8, 16);

    /// <summary>Destination address: with a routing header, the next hop's, as it stands on the wire here.</summary>
    public ReadOnlySpan<byte> Destination => _bytes.Slice(24, 16);

    /// <summary>Validates everything once; after <see cref="PacketVerdict.Segment"/> no member can fail.</summary>
    public static PacketVerdict TryParse(ReadOnlySpan<byte> bytes, out IPv6View view)
    {
        view = default;
        if (bytes.Length < MinHeaderBytes) return PacketVerdict.TruncatedIp;
        if (bytes[0] >> 4 != 6) return PacketVerdict.BadIpHeader;
        int total = MinHeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);
        if (total == MinHeaderBytes) total = bytes.Length;
        byte next = bytes[6];
        int offset = MinHeaderBytes, fragmentAt = 0;
        for (int extensions = 0; IsExtension(next); extensions++)
        {
            if (extensions == MaxExtensions) return PacketVerdict.BadIpExtension;
            if (bytes.Length < offset + 8) return PacketVerdict.TruncatedIp;
            if (next == FragmentHeader) fragmentAt = offset;
            int length = next switch { FragmentHeader => 8, Authentication => (bytes[offset + 1] + 2) * 4, _ => (bytes[offset + 1] + 1) * 8 };
            next = bytes[offset];
            offset += length;
            if (offset > total) return PacketVerdict.BadIpHeader;
            if (offset > bytes.Length) return PacketVerdict.TruncatedIp;
            // A later fragment continues whatever the first began: its bytes are payload, not headers.
            if (fragmentAt > 0 && PlaceAt(bytes[fragmentAt..]).Offset > 0) break;
        }
        view = new IPv6View(bytes, offset, total - offset, next, fragmentAt);
        return PacketVerdict.Segment;
    }

    private static FragmentPlace PlaceAt(ReadOnlySpan<byte> header)
    {
        int field = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        return new FragmentPlace(BinaryPrimitives.ReadUInt32BigEndian(header[4..]), field & ~7, (field & 1) != 0);
    }

    private static bool IsExtension(byte next) => next is HopByHop or Routing or FragmentHeader or Authentication or DestinationOptions or Mobility or HostIdentity or Shim;
}

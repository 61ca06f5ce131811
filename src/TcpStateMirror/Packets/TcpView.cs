using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>A TCP header with its options (RFC 9293 section 3.1).</summary>
/// <remarks>
/// <code>
///  0             2                  4          8                 12      13      14       16         18       20
///  | source port | destination port | sequence | acknowledgement | offset, flags | window | checksum | urgent | options, payload
/// </code>
/// </remarks>
internal readonly ref struct TcpView
{
    /// <summary>The protocol's number in IP headers.</summary>
    public const byte Protocol = 6;

    /// <summary>Header without options.</summary>
    public const int MinHeaderBytes = 20;

    private readonly ReadOnlySpan<byte> _header;

    private TcpView(ReadOnlySpan<byte> header) => _header = header;

    /// <summary>Header with options, 20 to 60.</summary>
    public int HeaderBytes => _header.Length;

    /// <summary>Source port.</summary>
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_header);

    /// <summary>Destination port.</summary>
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_header[2..]);

    /// <summary>Number of the first byte, or of the SYN.</summary>
    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(_header[4..]);

    /// <summary>Number of the next byte that the sender expects; meaningful with <see cref="TcpFlags.Ack"/>.</summary>
    public uint Acknowledgement => BinaryPrimitives.ReadUInt32BigEndian(_header[8..]);

    /// <summary>The nine control bits.</summary>
    public TcpFlags Flags => (TcpFlags)(BinaryPrimitives.ReadUInt16BigEndian(_header[12..]) & 0x1ff);

    /// <summary>The window as it stands in the header, unscaled.</summary>
    public ushort Window => BinaryPrimitives.ReadUInt16BigEndian(_header[14..]);

    /// <summary>The checksum as it stands in the header.</summary>
    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_header[16..]);

    /// <summary>Offset of the byte behind urgent data, from the sequence number.</summary>
    public ushort UrgentPointer => BinaryPrimitives.ReadUInt16BigEndian(_header[18..]);

    /// <summary>All options, padding included.</summary>
    public ReadOnlySpan<byte> Options => _header[MinHeaderBytes..];

    /// <summary>Validates everything once; after <see cref="PacketVerdict.Segment"/> no member can fail.</summary>
    /// <param name="captured">What the frame holds of the segment.</param>
    /// <param name="segmentBytes">Its length by the IP header.</param>
    /// <param name="view">The header.</param>
    public static PacketVerdict TryParse(ReadOnlySpan<byte> captured, int segmentBytes, out TcpView view)
    {
        view = default;
        if (captured.Length < MinHeaderBytes) return PacketVerdict.TruncatedTcp;
        int headerBytes = (captured[12] >> 4) * 4;
        if (headerBytes < MinHeaderBytes || headerBytes > segmentBytes) return PacketVerdict.BadTcpHeader;
        if (headerBytes > captured.Length) return PacketVerdict.TruncatedTcp;
        view = new TcpView(captured[..headerBytes]);
        return PacketVerdict.Segment;
    }
}

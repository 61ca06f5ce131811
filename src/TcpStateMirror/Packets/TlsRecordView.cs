using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The header of a TLS record (RFC 8446 section 5.1).</summary>
/// <remarks>
/// <code>
///  0      1         3        5
///  | type | version | length | fragment
/// </code>
/// </remarks>
internal readonly ref struct TlsRecordView
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 5;

    internal const byte ChangeCipherSpec = 20, Alert = 21, Handshake = 22, ApplicationData = 23;

    private const int MaxFragmentBytes = 16384 + 2048; // a ciphertext of TLS 1.2: RFC 5246 section 6.2.3
    private readonly ReadOnlySpan<byte> _header;

    private TlsRecordView(ReadOnlySpan<byte> header) => _header = header;

    /// <summary>What the fragment is.</summary>
    public byte Type => _header[0];

    /// <summary>Version of the record layer.</summary>
    public ushort Version => BinaryPrimitives.ReadUInt16BigEndian(_header[1..]);

    /// <summary>Bytes that follow the header.</summary>
    public int FragmentBytes => BinaryPrimitives.ReadUInt16BigEndian(_header[3..]);

    /// <summary>False when these five bytes cannot begin a record of SSL 3.0 to TLS 1.3.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TlsRecordView view)
    {
        view = default;
        if (bytes.Length < HeaderBytes) return false;
        var candidate = new TlsRecordView(bytes[..HeaderBytes]);
        if (candidate.Type is < ChangeCipherSpec or > ApplicationData || bytes[1] != 3 || bytes[2] > 4 || candidate.FragmentBytes > MaxFragmentBytes) return false;
        view = candidate;
        return true;
    }
}

using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The extension block of a TLS hello (RFC 8446 section 4.2): type, length, value, each after the other.</summary>
internal readonly ref struct TlsExtensions
{
    internal const ushort ServerName = 0, ApplicationProtocols = 16, SessionTicket = 35, PreSharedKey = 41, SupportedVersions = 43;

    private const int HeaderBytes = 4;
    private readonly ReadOnlySpan<byte> _bytes;

    private TlsExtensions(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Validates a block with its two length bytes, which may be missing altogether (TLS 1.2 without extensions).</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TlsExtensions extensions)
    {
        extensions = default;
        if (bytes.IsEmpty) return true;
        if (bytes.Length < 2 || BinaryPrimitives.ReadUInt16BigEndian(bytes) != bytes.Length - 2) return false;
        ReadOnlySpan<byte> block = bytes[2..], rest = block;
        while (!rest.IsEmpty)
        {
            if (rest.Length < HeaderBytes || LengthOf(rest) > rest.Length - HeaderBytes) return false;
            rest = rest[(HeaderBytes + LengthOf(rest))..];
        }
        extensions = new TlsExtensions(block);
        return true;
    }

    /// <summary>The value of the first extension of a type.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryFind(ushort type, out ReadOnlySpan<byte> value)
    {
        for (ReadOnlySpan<byte> rest = _bytes; !rest.IsEmpty; rest = rest[(HeaderBytes + LengthOf(rest))..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(rest) != type) continue;
            value = rest.Slice(HeaderBytes, LengthOf(rest));
            return true;
        }
        value = default;
        return false;
    }

    /// <summary>A vector with a length of two bytes at its front, which fills the whole value; empty when it does not.</summary>
    public static ReadOnlySpan<byte> Vector(ReadOnlySpan<byte> value) =>
        value.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(value) == value.Length - 2 ? value[2..] : default;

    /// <summary>The first element of a list whose elements have lengths of two bytes; empty when it does not fit.</summary>
    public static ReadOnlySpan<byte> FirstOf(ReadOnlySpan<byte> list) =>
        list.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(list) <= list.Length - 2 ? list.Slice(2, BinaryPrimitives.ReadUInt16BigEndian(list)) : default;

    private static int LengthOf(ReadOnlySpan<byte> extension) => BinaryPrimitives.ReadUInt16BigEndian(extension[2..]);
}

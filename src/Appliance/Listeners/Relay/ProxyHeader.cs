using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net;
using Appliance.Interop;

namespace Appliance.Listeners.Relay;

/// <summary>What reading a PROXY protocol header gave.</summary>
internal enum ProxyHeaderResult
{
    /// <summary>The header is whole and well-formed.</summary>
    Complete,

    /// <summary>More bytes are needed.</summary>
    Incomplete,

    /// <summary>The connection does not begin with a header.</summary>
    Absent,

    /// <summary>A version other than 1 and 2.</summary>
    BadVersion,

    /// <summary>A command other than LOCAL and PROXY.</summary>
    BadCommand,

    /// <summary>Neither TCP over IPv4, TCP over IPv6, nor unknown.</summary>
    BadFamily,

    /// <summary>Shorter than its addresses, or longer than <see cref="ProxyHeader.MaxBytes"/>.</summary>
    BadLength,

    /// <summary>A line of text that is not as the protocol writes it.</summary>
    BadText,
}

/// <summary>
/// The header with which a proxy tells a server who its client is: the PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt, 2.1 and 2.2).
/// <code>
/// v1  "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"          at most 107 bytes
/// v2  signature 12 | version, command | family, protocol | length u16 | source, destination, source port, destination port | options ...
/// </code>
/// </summary>
/// <param name="Bytes">Length of the whole header.</param>
/// <param name="HasAddresses">False when the proxy speaks for itself, or does not know.</param>
/// <param name="Source">The client.</param>
/// <param name="Destination">Where the client connected to.</param>
internal readonly record struct ProxyHeader(int Bytes, bool HasAddresses, SocketAddressBytes Source, SocketAddressBytes Destination)
{
    /// <summary>Longest header that is read: room for the options that proxies send; the protocol would allow 64 KiB.</summary>
    public const int MaxBytes = 4096;

    /// <summary>Longest header that <see cref="Write1"/> or <see cref="Write2"/> writes.</summary>
    public const int MaxWrittenBytes = MaxTextBytes;

    private const int MaxTextBytes = 107, FixedBytes = 16, Address4Bytes = 12, Address6Bytes = 36;
    private const byte Tcp4 = 0x11, Tcp6 = 0x21;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    private static ReadOnlySpan<byte> TextStart => "PROXY "u8;

    /// <summary>Reads a header from the beginning of what was received; needs all of it at once and consumes nothing.</summary>
    public static ProxyHeaderResult TryParse(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        if (bytes.IsEmpty) return ProxyHeaderResult.Incomplete;
        return bytes[0] == Signature[0] ? ParseBinary(bytes, out header) : ParseText(bytes, out header);
    }

    /// <summary>Writes version 1.</summary>
    /// <returns>Bytes written.</returns>
    public static int Write1(Span<byte> bytes, in SocketAddressBytes source, in SocketAddressBytes destination)
    {
        bool four = source.Family == Sockets.Inet;
        int at = Append(bytes, 0, four ? "PROXY TCP4 "u8 : "PROXY TCP6 "u8);
        at = AppendAddress(bytes, at, source);
        at = AppendAddress(bytes, at, destination);
        at = AppendPort(bytes, at, source, (byte)' ');
        at = AppendPort(bytes, at, destination, (byte)'\r');
        return Append(bytes, at, "\n"u8);
    }

    /// <summary>Writes version 2, without options.</summary>
    /// <returns>Bytes written.</returns>
    public static int Write2(Span<byte> bytes, in SocketAddressBytes source, in SocketAddressBytes destination)
    {
        const byte versionAndProxy = 0x21;
        int size = source.AddressBytes.Length, length = 2 * size + 4;
        Signature.CopyTo(bytes);
        bytes[12] = versionAndProxy;
        bytes[13] = size == 4 ? Tcp4 : Tcp6;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], (ushort)length);
        source.AddressBytes.CopyTo(bytes[FixedBytes..]);
        destination.AddressBytes.CopyTo(bytes[(FixedBytes + size)..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(FixedBytes + 2 * size)..], (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(FixedBytes + 2 * size + 2)..], (ushort)destination.Port);
        return FixedBytes + length;
    }

    /// <summary>What a health check sends to a server that expects a header: it comes from the proxy itself.</summary>
    public static ReadOnlySpan<byte> Local1 => "PROXY UNKNOWN\r\n"u8;

    /// <summary>As <see cref="Local1"/>, version 2.</summary>
    public static ReadOnlySpan<byte> Local2 => "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"u8;

    private static ProxyHeaderResult ParseBinary(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        int known = Math.Min(bytes.Length, Signature.Length);
        if (!bytes[..known].SequenceEqual(Signature[..known])) return ProxyHeaderResult.Absent;
        if (bytes.Length < FixedBytes) return ProxyHeaderResult.Incomplete;
        if (bytes[12] >> 4 != 2) return ProxyHeaderResult.BadVersion;
        int command = bytes[12] & 15, length = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        if (command > 1) return ProxyHeaderResult.BadCommand;
        if (FixedBytes + length > MaxBytes) return ProxyHeaderResult.BadLength;
        // LOCAL: 'the receiver must use the real connection endpoints and must ignore the protocol block'.
        int addressBytes = command == 0 ? 0 : bytes[13] switch { 0 => 0, Tcp4 => Address4Bytes, Tcp6 => Address6Bytes, _ => -1 };
        if (addressBytes < 0) return ProxyHeaderResult.BadFamily;
        if (length < addressBytes) return ProxyHeaderResult.BadLength;
        if (bytes.Length < FixedBytes + length) return ProxyHeaderResult.Incomplete;
        if (addressBytes == 0)
        {
            header = new ProxyHeader(FixedBytes + length, false, default, default);
            return ProxyHeaderResult.Complete;
        }
        ReadOnlySpan<byte> block = bytes.Slice(FixedBytes, addressBytes);
        int size = (addressBytes - 4) / 2;
        header = new ProxyHeader(FixedBytes + length, true,
            SocketAddressBytes.Of(block[..size], BinaryPrimitives.ReadUInt16BigEndian(block[(2 * size)..])),
            SocketAddressBytes.Of(block.Slice(size, size), BinaryPrimitives.ReadUInt16BigEndian(block[(2 * size + 2)..])));
        return ProxyHeaderResult.Complete;
    }

    private static ProxyHeaderResult ParseText(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        int known = Math.Min(bytes.Length, TextStart.Length);
        if (!bytes[..known].SequenceEqual(TextStart[..known])) return ProxyHeaderResult.Absent;
        int end = bytes[..Math.Min(bytes.Length, MaxTextBytes)].IndexOf((byte)'\n');
        if (end < 0) return bytes.Length >= MaxTextBytes ? ProxyHeaderResult.BadLength : ProxyHeaderResult.Incomplete;
        if (bytes[end - 1] != '\r') return ProxyHeaderResult.BadText;
        ReadOnlySpan<byte> rest = bytes[TextStart.Length..(end - 1)];
        ReadOnlySpan<byte> family = TakeWord(ref rest);
        if (family.SequenceEqual("UNKNOWN"u8))
        {
            header = new ProxyHeader(end + 1, false, default, default); // 'the receiver must ignore anything presented before the CRLF'
            return ProxyHeaderResult.Complete;
        }
        bool four = family.SequenceEqual("TCP4"u8);
        if (!four && !family.SequenceEqual("TCP6"u8)) return ProxyHeaderResult.BadFamily;
        Span<byte> source = stackalloc byte[four ? 4 : 16], destination = stackalloc byte[four ? 4 : 16];
        if (!TryReadAddress(TakeWord(ref rest), source) || !TryReadAddress(TakeWord(ref rest), destination)) return ProxyHeaderResult.BadText;
        if (!TryReadPort(TakeWord(ref rest), out ushort sourcePort) || !TryReadPort(TakeWord(ref rest), out ushort destinationPort) || !rest.IsEmpty) return ProxyHeaderResult.BadText;
        header = new ProxyHeader(end + 1, true, SocketAddressBytes.Of(source, sourcePort), SocketAddressBytes.Of(destination, destinationPort));
        return ProxyHeaderResult.Complete;
    }

    // Words are separated by exactly one space; an empty word is refused by whoever reads it.
    private static ReadOnlySpan<byte> TakeWord(ref ReadOnlySpan<byte> rest)
    {
        int space = rest.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = space < 0 ? rest : rest[..space];
        rest = space < 0 ? [] : rest[(space + 1)..];
        return word;
    }

    // The framework reads '10', '0x7f.1' and scopes as well; the protocol has canonical text only.
    private static bool TryReadAddress(ReadOnlySpan<byte> word, Span<byte> address)
    {
        bool four = address.Length == 4;
        if (word.IsEmpty || word.IndexOfAnyExcept(four ? "0123456789."u8 : "0123456789abcdefABCDEF:."u8) >= 0) return false;
        if (four && (word.Count((byte)'.') != 3 || HasLeadingZero(word))) return false;
        return IPAddress.TryParse(word, out IPAddress? parsed) && parsed.TryWriteBytes(address, out int written) && written == address.Length;
    }

    private static bool HasLeadingZero(ReadOnlySpan<byte> word)
    {
        for (int i = 0; i + 1 < word.Length; i++)
        {
            if (word[i] == '0' && word[i + 1] != '.' && (i == 0 || word[i - 1] == '.')) return true;
        }
        return false;
    }

    private static bool TryReadPort(ReadOnlySpan<byte> word, out ushort port)
    {
        port = 0;
        return word.Length is > 0 and <= 5 && (word[0] != '0' || word.Length == 1) && Utf8Parser.TryParse(word, out port, out int consumed) && consumed == word.Length;
    }

    private static int Append(Span<byte> bytes, int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(bytes[at..]);
        return at + text.Length;
    }

    private static int AppendAddress(Span<byte> bytes, int at, in SocketAddressBytes address)
    {
        new IPAddress(address.AddressBytes).TryFormat(bytes[at..], out int written); // once per connection
        bytes[at + written] = (byte)' ';
        return at + written + 1;
    }

    private static int AppendPort(Span<byte> bytes, int at, in SocketAddressBytes address, byte separator)
    {
        Utf8Formatter.TryFormat(address.Port, bytes[at..], out int written);
        bytes[at + written] = separator;
        return at + written + 1;
    }
}

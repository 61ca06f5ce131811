using System.Text;

namespace Appliance.Listeners.Http;

/// <summary>
/// The head of a request, from its first byte to the empty line. Read as strictly as RFC 9112 allows: whatever two programs could understand differently is
/// refused, for the server behind must see the same requests as this side (request smuggling: RFC 9112, 11.2).
/// </summary>
internal readonly ref struct HttpRequestHead
{
    private const int MaxMethodBytes = 32;
    private const int MaxLengthDigits = 18; // fits into a long
    private readonly ReadOnlySpan<byte> _bytes; // without the empty line
    private readonly int _fieldsAt;

    private HttpRequestHead(ReadOnlySpan<byte> bytes, int fieldsAt, long contentLength, bool isChunked, bool upgrades, ReadOnlySpan<byte> authorization)
    {
        _bytes = bytes;
        _fieldsAt = fieldsAt;
        ContentLength = contentLength;
        IsChunked = isChunked;
        UpgradesToWebSocket = upgrades;
        Authorization = authorization;
    }

    /// <summary>Bytes of the body; 0 when there is none, or when it is chunked.</summary>
    internal long ContentLength { get; }

    /// <summary>The body comes in chunks.</summary>
    internal bool IsChunked { get; }

    /// <summary>It asks for WebSocket (RFC 6455, 4.1) and has no body.</summary>
    internal bool UpgradesToWebSocket { get; }

    /// <summary>Who asks, as the client says; empty when it does not. Secret.</summary>
    internal ReadOnlySpan<byte> Authorization { get; }

    /// <summary>It has a body.</summary>
    internal bool HasBody => IsChunked || ContentLength > 0;

    /// <summary>Where the head that begins a span ends, the empty line included; -1 when its end has not come.</summary>
    /// <param name="bytes">What came so far.</param>
    /// <param name="searched">So many of them were searched before.</param>
    internal static int EndOf(ReadOnlySpan<byte> bytes, int searched)
    {
        int from = Math.Max(0, searched - 3), at = bytes[from..].IndexOf("\r\n\r\n"u8);
        return at < 0 ? -1 : from + at + 4;
    }

    /// <summary>Views a head that has come whole (<see cref="EndOf"/>).</summary>
    internal static HttpRefusal TryParse(ReadOnlySpan<byte> bytes, out HttpRequestHead head)
    {
        head = default;
        bytes = bytes[..^2];
        int line = bytes.IndexOf("\r\n"u8);
        HttpRefusal refusal = CheckRequestLine(bytes[..line], out bool isOld);
        if (refusal != HttpRefusal.None) return refusal;
        long length = -1;
        int hosts = 0, codings = 0, upgrades = 0;
        ReadOnlySpan<byte> authorization = [];
        for (ReadOnlySpan<byte> rest = bytes[(line + 2)..]; rest.Length > 0;)
        {
            int end = rest.IndexOf("\r\n"u8);
            if (!TrySplit(rest[..end], out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)) return HttpRefusal.BadRequest;
            rest = rest[(end + 2)..];
            switch (HttpFields.Of(name))
            {
                case HttpField.Host:
                    hosts++;
                    break;
                case HttpField.ContentLength:
                    if (length >= 0 || !TryReadLength(value, out length)) return HttpRefusal.BadRequest; // twice, even alike: RFC 9112, 6.3
                    break;
                case HttpField.TransferEncoding:
                    codings++;
                    if (!HttpFields.Is(value, "chunked"u8)) return HttpRefusal.NotImplemented;
                    break;
                case HttpField.Upgrade:
                    upgrades += HttpFields.Is(value, "websocket"u8) ? 1 : 2;
                    break;
                case HttpField.Authorization:
                    if (!authorization.IsEmpty || value.IsEmpty) return HttpRefusal.BadRequest;
                    authorization = value;
                    break;
                default:
                    break;
            }
        }
        if (hosts > 1 || hosts == 0 && !isOld || codings > 1 || codings == 1 && (length >= 0 || isOld)) return HttpRefusal.BadRequest; // RFC 9112, 3.2 and 6.1
        head = new HttpRequestHead(bytes, line + 2, Math.Max(0, length), codings == 1, upgrades == 1 && codings == 0 && length <= 0, authorization);
        return HttpRefusal.None;
    }

    /// <summary>Writes the head as it goes on: what only this side may say is taken out, and said.</summary>
    /// <param name="destination">Has room for the head and <paramref name="added"/>.</param>
    /// <param name="added">Fields in full lines.</param>
    /// <param name="left">What else is left in.</param>
    /// <returns>Bytes written.</returns>
    internal int Write(Span<byte> destination, ReadOnlySpan<byte> added, HttpLeft left)
    {
        int written = Copy(_bytes[.._fieldsAt], destination, 0);
        for (ReadOnlySpan<byte> rest = _bytes[_fieldsAt..]; rest.Length > 0;)
        {
            int end = rest.IndexOf("\r\n"u8) + 2, colon = rest.IndexOf((byte)':');
            ReadOnlySpan<byte> line = rest[..end];
            rest = rest[end..];
            HttpField field = HttpFields.Of(line[..colon]);
            if (field == HttpField.Connection) written += WriteConnection(destination[written..], line[..colon], line[(colon + 1)..^2], (left & HttpLeft.Upgrade) != 0);
            else if (IsLeft(field, left)) written = Copy(line, destination, written);
        }
        written = Copy(added, destination, written);
        return Copy("\r\n"u8, destination, written);
    }

    private static bool IsLeft(HttpField field, HttpLeft left) => field switch
    {
        HttpField.Claimed => false,
        HttpField.ForwardedFor => (left & HttpLeft.ForwardedFor) != 0,
        HttpField.Upgrade => (left & HttpLeft.Upgrade) != 0,
        HttpField.Authorization => (left & HttpLeft.Authorization) != 0,
        _ => true,
    };

    private static HttpRefusal CheckRequestLine(ReadOnlySpan<byte> line, out bool isOld)
    {
        isOld = false;
        int method = line.IndexOf((byte)' '), version = line.LastIndexOf((byte)' ');
        if (method is < 1 or > MaxMethodBytes || version - method < 2 || line[..method].IndexOfAnyExcept(HttpFields.Token) >= 0) return HttpRefusal.BadRequest;
        ReadOnlySpan<byte> target = line[(method + 1)..version], name = line[(version + 1)..];
        if (target.IndexOfAnyInRange((byte)0, (byte)' ') >= 0 || target.Contains((byte)0x7f)) return HttpRefusal.BadRequest;
        if (name.Length != 8 || !name.StartsWith("HTTP/"u8) || name[6] != '.' || !char.IsAsciiDigit((char)name[5]) || !char.IsAsciiDigit((char)name[7])) return HttpRefusal.BadRequest;
        if (name[5] != '1' || name[7] > '1') return HttpRefusal.VersionNotSupported;
        isOld = name[7] == '0';
        return line[..method].SequenceEqual("CONNECT"u8) ? HttpRefusal.MethodNotAllowed : HttpRefusal.None;
    }

    // A line that begins with a space continues another one (obs-fold) and has no name: RFC 9112, 5.2.
    private static bool TrySplit(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        name = value = default;
        int colon = line.IndexOf((byte)':');
        if (colon < 1 || line[..colon].IndexOfAnyExcept(HttpFields.Token) >= 0 || line.IndexOfAny(HttpFields.Breaking) >= 0) return false;
        name = line[..colon];
        value = line[(colon + 1)..].Trim(" \t"u8);
        return true;
    }

    private static bool TryReadLength(ReadOnlySpan<byte> value, out long length)
    {
        length = 0;
        if (value.Length is 0 or > MaxLengthDigits || value.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0) return false;
        foreach (byte digit in value) length = length * 10 + (digit - '0');
        return true;
    }

    // Of its options only those go on that say something of the connection: an option may name any field, and the server would take that out, ours too.
    private static int WriteConnection(Span<byte> destination, ReadOnlySpan<byte> name, ReadOnlySpan<byte> options, bool upgrades)
    {
        int written = Copy(name, destination, 0), begin = written;
        foreach (Range range in options.Split((byte)','))
        {
            ReadOnlySpan<byte> option = options[range].Trim(" \t"u8);
            if (!HttpFields.Is(option, "close"u8) && !HttpFields.Is(option, "keep-alive"u8) && !(upgrades && HttpFields.Is(option, "upgrade"u8))) continue;
            destination[written] = (byte)(written == begin ? ':' : ',');
            written = Copy(option, destination, written + 1);
        }
        return written == begin ? 0 : Copy("\r\n"u8, destination, written);
    }

    private static int Copy(ReadOnlySpan<byte> bytes, Span<byte> destination, int at)
    {
        bytes.CopyTo(destination[at..]);
        return at + bytes.Length;
    }
}

using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The body of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).</summary>
/// <remarks>
/// <code>
///  0         2        34                35           .               .                     .
///  | version | random | session id size | session id | cipher suites | compression methods | extensions
/// </code>
/// The last three are vectors behind lengths of two, one and two bytes.
/// </remarks>
internal readonly ref struct ClientHelloView
{
    private const int SessionIdAt = 34, MaxSessionIdBytes = 32;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly TlsExtensions _extensions;

    private ClientHelloView(ReadOnlySpan<byte> bytes, TlsExtensions extensions)
    {
        _bytes = bytes;
        _extensions = extensions;
    }

    /// <summary>The version field; TLS 1.3 leaves 0x0303 there and speaks of itself in supported_versions.</summary>
    public ushort LegacyVersion => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    /// <summary>The session id, 0 to 32 bytes. In TLS 1.2 it names a session to resume, or is made up by a client that offers a ticket.</summary>
    public ReadOnlySpan<byte> SessionId => _bytes.Slice(SessionIdAt + 1, _bytes[SessionIdAt]);

    /// <summary>The newest version that is offered, without the reserved values of RFC 8701.</summary>
    public ushort NewestVersion
    {
        get
        {
            if (!_extensions.TryFind(TlsExtensions.SupportedVersions, out ReadOnlySpan<byte> value) || value.Length < 1 || value[0] != value.Length - 1) return LegacyVersion;
            ushort newest = 0;
            for (ReadOnlySpan<byte> rest = value[1..]; rest.Length >= 2; rest = rest[2..])
            {
                ushort version = BinaryPrimitives.ReadUInt16BigEndian(rest);
                if ((version & 0x0f0f) != 0x0a0a && version > newest) newest = version;
            }
            return newest == 0 ? LegacyVersion : newest;
        }
    }

    /// <summary>The server's name (RFC 6066 section 3); empty when there is none.</summary>
    public ReadOnlySpan<byte> ServerName
    {
        get
        {
            if (!_extensions.TryFind(TlsExtensions.ServerName, out ReadOnlySpan<byte> value)) return default;
            ReadOnlySpan<byte> list = TlsExtensions.Vector(value);
            return list.Length > 1 && list[0] == 0 ? TlsExtensions.FirstOf(list[1..]) : default; // 0: host_name, the only kind
        }
    }

    /// <summary>The protocols that are offered (RFC 7301), each behind a byte with its length; empty when there are none.</summary>
    public ReadOnlySpan<byte> ApplicationProtocols => _extensions.TryFind(TlsExtensions.ApplicationProtocols, out ReadOnlySpan<byte> value) ? TlsExtensions.Vector(value) : default;

    /// <summary>A session ticket extension is there, empty or not (RFC 5077).</summary>
    public bool OffersTickets => _extensions.TryFind(TlsExtensions.SessionTicket, out _);

    /// <summary>The session ticket that is offered; empty when there is none.</summary>
    public ReadOnlySpan<byte> SessionTicket => _extensions.TryFind(TlsExtensions.SessionTicket, out ReadOnlySpan<byte> value) ? value : default;

    /// <summary>The first pre-shared key's identity: in TLS 1.3 the ticket of the session to resume; empty when there is none.</summary>
    public ReadOnlySpan<byte> PskIdentity
    {
        get
        {
            if (!_extensions.TryFind(TlsExtensions.PreSharedKey, out ReadOnlySpan<byte> value)) return default;
            return TlsExtensions.FirstOf(TlsExtensions.FirstOf(value));
        }
    }

    /// <summary>Validates everything once; after true no member can fail. A value inside an extension that does not fit reads as empty.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out ClientHelloView view)
    {
        view = default;
        if (body.Length < SessionIdAt + 1 || body[SessionIdAt] > MaxSessionIdBytes) return false;
        int offset = SessionIdAt + 1 + body[SessionIdAt];
        if (body.Length < offset + 2) return false;
        offset += 2 + BinaryPrimitives.ReadUInt16BigEndian(body[offset..]);
        if (body.Length < offset + 1) return false;
        offset += 1 + body[offset];
        if (body.Length < offset || !TlsExtensions.TryParse(body[offset..], out TlsExtensions extensions)) return false;
        view = new ClientHelloView(body, extensions);
        return true;
    }
}

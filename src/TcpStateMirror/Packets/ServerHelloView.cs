using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Packets;

/// <summary>The body of a TLS ServerHello or HelloRetryRequest (RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3).</summary>
/// <remarks>
/// <code>
///  0         2        34                35           .              .+2           .+3
///  | version | random | session id size | session id | cipher suite | compression | extensions
/// </code>
/// </remarks>
internal readonly ref struct ServerHelloView
{
    private const int RandomAt = 2, RandomBytes = 32, SessionIdAt = 34, MaxSessionIdBytes = 32;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly TlsExtensions _extensions;

    private ServerHelloView(ReadOnlySpan<byte> bytes, TlsExtensions extensions)
    {
        _bytes = bytes;
        _extensions = extensions;
    }

    // SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
    private static ReadOnlySpan<byte> RetryRandom =>
    [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];

    /// <summary>The version that the connection speaks: supported_versions if it is there, the version field otherwise.</summary>
    public ushort Version => _extensions.TryFind(TlsExtensions.SupportedVersions, out ReadOnlySpan<byte> value) && value.Length == 2
        ? BinaryPrimitives.ReadUInt16BigEndian(value)
        : BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    /// <summary>The server asks for another ClientHello.</summary>
    public bool IsRetryRequest => _bytes.Slice(RandomAt, RandomBytes).SequenceEqual(RetryRandom);

    /// <summary>The session id, 0 to 32 bytes. TLS 1.3 echoes the client's.</summary>
    public ReadOnlySpan<byte> SessionId => _bytes.Slice(SessionIdAt + 1, _bytes[SessionIdAt]);

    /// <summary>The cipher suite that the connection speaks.</summary>
    public ushort CipherSuite => BinaryPrimitives.ReadUInt16BigEndian(_bytes[(SessionIdAt + 1 + _bytes[SessionIdAt])..]);

    /// <summary>The protocol that was chosen (RFC 7301); empty when none was. TLS 1.3 tells it encrypted.</summary>
    public ReadOnlySpan<byte> ApplicationProtocol
    {
        get
        {
            if (!_extensions.TryFind(TlsExtensions.ApplicationProtocols, out ReadOnlySpan<byte> value)) return default;
            ReadOnlySpan<byte> list = TlsExtensions.Vector(value);
            return list.Length > 1 && list[0] < list.Length ? list.Slice(1, list[0]) : default;
        }
    }

    /// <summary>A pre-shared key was accepted: in TLS 1.3 the session is resumed.</summary>
    public bool AcceptsPsk => _extensions.TryFind(TlsExtensions.PreSharedKey, out _);

    /// <summary>Validates everything once; after true no member can fail.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out ServerHelloView view)
    {
        view = default;
        if (body.Length < SessionIdAt + 1 || body[SessionIdAt] > MaxSessionIdBytes) return false;
        int offset = SessionIdAt + 1 + body[SessionIdAt] + 3;
        if (body.Length < offset || !TlsExtensions.TryParse(body[offset..], out TlsExtensions extensions)) return false;
        view = new ServerHelloView(body, extensions);
        return true;
    }
}

using System.Buffers.Binary;
using System.Text.Unicode;

namespace Appliance.State;

/// <summary>Value of a <see cref="RecordKind.TlsSession"/>: what resumes a TLS session on another node (A5, A6). Valid until the table changes.</summary>
/// <remarks>
/// <code>
///  0        1           2                4                 6       14
///  | layout | id length | session length | identity length | expiry | session id | session | identity |
/// </code>
/// Integers are big-endian, layout is 1. The session id has 1 to 32 bytes (RFC 5246, 7.4.1.2); the session is OpenSSL's DER (i2d_SSL_SESSION) and holds the master
/// secret; the identity is the verified name of the client's certificate in UTF-8, empty when none was asked for. Expiry in milliseconds since the Unix epoch.
/// </remarks>
internal readonly ref struct TlsSessionView
{
    /// <summary>Longest session id.</summary>
    internal const int MaxIdBytes = 32;

    private const byte Layout = 1;
    private const int HeaderBytes = 14;
    private readonly ReadOnlySpan<byte> _bytes;

    private TlsSessionView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The session id.</summary>
    internal ReadOnlySpan<byte> SessionId => _bytes.Slice(HeaderBytes, _bytes[1]);

    /// <summary>The session as DER. Secret: never shown.</summary>
    internal ReadOnlySpan<byte> Session => _bytes.Slice(HeaderBytes + _bytes[1], SessionBytes);

    /// <summary>The client's verified name.</summary>
    internal ReadOnlySpan<byte> Identity => _bytes[(HeaderBytes + _bytes[1] + SessionBytes)..];

    /// <summary>When it may no longer be resumed.</summary>
    internal long ExpiryMilliseconds => BinaryPrimitives.ReadInt64BigEndian(_bytes[6..]);

    private int SessionBytes => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Views a value; after true no member can fail.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> value, out TlsSessionView view)
    {
        view = default;
        if (value.Length < HeaderBytes || value[0] != Layout || value[1] is 0 or > MaxIdBytes) return false;
        int total = HeaderBytes + value[1] + BinaryPrimitives.ReadUInt16BigEndian(value[2..]) + BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
        if (total != value.Length || BinaryPrimitives.ReadInt64BigEndian(value[6..]) < 0) return false;
        var candidate = new TlsSessionView(value);
        if (!Utf8.IsValid(candidate.Identity)) return false;
        view = candidate;
        return true;
    }

    /// <summary>Writes a value around a session that the caller puts in its place.</summary>
    /// <param name="destination">Long enough.</param>
    /// <param name="sessionId">1 to 32 bytes.</param>
    /// <param name="sessionBytes">Length of the session.</param>
    /// <param name="identity">UTF-8.</param>
    /// <param name="expiryMilliseconds">Since the Unix epoch.</param>
    /// <param name="sessionAt">Where the session goes.</param>
    /// <returns>Bytes of the whole value.</returns>
    internal static int Write(Span<byte> destination, ReadOnlySpan<byte> sessionId, int sessionBytes, ReadOnlySpan<byte> identity, long expiryMilliseconds, out int sessionAt)
    {
        sessionAt = Write(destination, sessionId, [], [], expiryMilliseconds);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], checked((ushort)sessionBytes));
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], checked((ushort)identity.Length));
        identity.CopyTo(destination[(sessionAt + sessionBytes)..]);
        return sessionAt + sessionBytes + identity.Length;
    }

    /// <summary>Writes a value.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(Span<byte> destination, ReadOnlySpan<byte> sessionId, ReadOnlySpan<byte> session, ReadOnlySpan<byte> identity, long expiryMilliseconds)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sessionId.Length, MaxIdBytes, nameof(sessionId));
        destination[0] = Layout;
        destination[1] = (byte)sessionId.Length;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], checked((ushort)session.Length));
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], checked((ushort)identity.Length));
        BinaryPrimitives.WriteInt64BigEndian(destination[6..], expiryMilliseconds);
        sessionId.CopyTo(destination[HeaderBytes..]);
        session.CopyTo(destination[(HeaderBytes + sessionId.Length)..]);
        identity.CopyTo(destination[(HeaderBytes + sessionId.Length + session.Length)..]);
        return HeaderBytes + sessionId.Length + session.Length + identity.Length;
    }
}

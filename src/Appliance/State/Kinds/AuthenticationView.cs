using System.Buffers.Binary;
using System.Text.Unicode;

namespace Appliance.State;

/// <summary>How a user proved who it is. Numbers are stable on the wire; an unknown one is shown as a number.</summary>
internal enum AuthenticationMethod : byte
{
    /// <summary>Something else.</summary>
    Other = 0,

    /// <summary>A password.</summary>
    Password = 1,

    /// <summary>A client certificate.</summary>
    Certificate = 2,

    /// <summary>A signed token of another service.</summary>
    Token = 3,

    /// <summary>A second factor beside a password.</summary>
    SecondFactor = 4,
}

/// <summary>Value of a <see cref="RecordKind.Authentication"/>: a user that was verified (A7). Valid until the table changes.</summary>
/// <remarks>
/// <code>
///  0        1        2             4             12        20
///  | layout | method | user length | verified at | expires | user |
/// </code>
/// Integers are big-endian, layout is 1. Times in milliseconds since the Unix epoch; expires 0 for never. The user is UTF-8 of 1 to 65,535 bytes.
/// </remarks>
internal readonly ref struct AuthenticationView
{
    private const byte Layout = 1;
    private const int HeaderBytes = 20;
    private readonly ReadOnlySpan<byte> _bytes;

    private AuthenticationView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>How.</summary>
    internal AuthenticationMethod Method => (AuthenticationMethod)_bytes[1];

    /// <summary>When.</summary>
    internal long VerifiedAtMilliseconds => BinaryPrimitives.ReadInt64BigEndian(_bytes[4..]);

    /// <summary>Until when; 0 for ever.</summary>
    internal long ExpiresMilliseconds => BinaryPrimitives.ReadInt64BigEndian(_bytes[12..]);

    /// <summary>Who.</summary>
    internal ReadOnlySpan<byte> User => _bytes[HeaderBytes..];

    /// <summary>Views a value; after true no member can fail.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> value, out AuthenticationView view)
    {
        view = default;
        if (value.Length <= HeaderBytes || value[0] != Layout || BinaryPrimitives.ReadUInt16BigEndian(value[2..]) != value.Length - HeaderBytes) return false;
        var candidate = new AuthenticationView(value);
        if (candidate.VerifiedAtMilliseconds < 0 || candidate.ExpiresMilliseconds < 0 || !Utf8.IsValid(candidate.User)) return false;
        view = candidate;
        return true;
    }

    /// <summary>Writes a value.</summary>
    /// <returns>Bytes written.</returns>
    internal static int Write(Span<byte> destination, ReadOnlySpan<byte> user, AuthenticationMethod method, long verifiedAtMilliseconds, long expiresMilliseconds)
    {
        destination[0] = Layout;
        destination[1] = (byte)method;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], checked((ushort)user.Length));
        BinaryPrimitives.WriteInt64BigEndian(destination[4..], verifiedAtMilliseconds);
        BinaryPrimitives.WriteInt64BigEndian(destination[12..], expiresMilliseconds);
        user.CopyTo(destination[HeaderBytes..]);
        return HeaderBytes + user.Length;
    }
}

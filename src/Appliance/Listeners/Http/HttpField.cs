using System.Buffers;
using System.Text;

namespace Appliance.Listeners.Http;

/// <summary>The fields of a request that mean something here.</summary>
internal enum HttpField
{
    /// <summary>Passed on as it is.</summary>
    Other,

    /// <summary>How long the body is.</summary>
    ContentLength,

    /// <summary>How the body is framed.</summary>
    TransferEncoding,

    /// <summary>Demanded once (RFC 9112, 3.2).</summary>
    Host,

    /// <summary>What the next hop is to take out.</summary>
    Connection,

    /// <summary>Another protocol on the same connection.</summary>
    Upgrade,

    /// <summary>Who asks, for the listener where users log in.</summary>
    Authorization,

    /// <summary>X-Forwarded-For: whom the request is for.</summary>
    ForwardedFor,

    /// <summary>What only this side may say: X-Forwarded-Proto, and where they are replaced Forwarded (RFC 7239) and the other X-Forwarded-*.</summary>
    Claimed,
}

/// <summary>Tells fields apart.</summary>
internal static class HttpFields
{
    /// <summary>Characters of a token (RFC 9110, 5.6.2).</summary>
    internal static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    /// <summary>What a line may not hold inside: servers differ in whether it ends there (RFC 9110, 5.5).</summary>
    internal static readonly SearchValues<byte> Breaking = SearchValues.Create("\r\n\0"u8);

    private const int LongestKnown = 32;

    /// <summary>Which field a name is. An underscore counts as a hyphen in names of this side, for servers that hand fields on as variables cannot tell them apart.</summary>
    internal static HttpField Of(ReadOnlySpan<byte> name) => name.Length switch
    {
        4 when Is(name, "host"u8) => HttpField.Host,
        7 when Is(name, "upgrade"u8) => HttpField.Upgrade,
        9 when Is(name, "forwarded"u8) => HttpField.Claimed,
        10 when Is(name, "connection"u8) => HttpField.Connection,
        13 when Is(name, "authorization"u8) => HttpField.Authorization,
        14 when Is(name, "content-length"u8) => HttpField.ContentLength,
        17 when Is(name, "transfer-encoding"u8) => HttpField.TransferEncoding,
        > 12 and <= LongestKnown => OfForwarded(name),
        _ => HttpField.Other,
    };

    /// <summary>Alike but for the case of letters.</summary>
    internal static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) => Ascii.EqualsIgnoreCase(text, lower);

    private static HttpField OfForwarded(ReadOnlySpan<byte> name)
    {
        if ((name[0] | 0x20) != 'x') return HttpField.Other;
        Span<byte> hyphens = stackalloc byte[LongestKnown];
        hyphens = hyphens[..name.Length];
        name.Replace(hyphens, (byte)'_', (byte)'-');
        if (Is(hyphens, "x-forwarded-for"u8)) return HttpField.ForwardedFor;
        return Is(hyphens[..12], "x-forwarded-"u8) ? HttpField.Claimed : HttpField.Other;
    }
}

namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Bounds of what a client may send as one command.</summary>
internal readonly record struct RespParserLimits
{
    /// <summary>Longest number line: sign, 19 digits, and some slack.</summary>
    public const int MaxNumberLineBytes = 32;

    /// <summary>Redis' own bounds before authentication (networking.c): a stranger must not make the server hold memory.</summary>
    public const int MaxUnauthenticatedArguments = 10, MaxUnauthenticatedArgumentBytes = 16_384;

    /// <summary>Arguments of one command, its name included.</summary>
    public required int MaxArguments { get; init; }

    /// <summary>Bytes of one argument.</summary>
    public required int MaxArgumentBytes { get; init; }

    /// <summary>Bytes of one command with its framing.</summary>
    public required int MaxCommandBytes { get; init; }

    /// <summary>Bytes of one inline command.</summary>
    public required int MaxInlineBytes { get; init; }

    /// <summary>Bytes before authentication: <see cref="MaxUnauthenticatedArguments"/> and <see cref="MaxUnauthenticatedArgumentBytes"/> hold.</summary>
    public RespParserLimits BeforeAuthentication => this with
    {
        MaxArguments = Math.Min(MaxArguments, MaxUnauthenticatedArguments),
        MaxArgumentBytes = Math.Min(MaxArgumentBytes, MaxUnauthenticatedArgumentBytes),
        Unauthenticated = true,
    };

    /// <summary>Which of two error texts tells a client that a number is too high.</summary>
    public bool Unauthenticated { get; private init; }
}

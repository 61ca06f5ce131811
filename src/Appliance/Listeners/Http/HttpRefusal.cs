namespace Appliance.Listeners.Http;

/// <summary>Why a request goes no further: the status that its client is told (RFC 9110, 15).</summary>
internal enum HttpRefusal
{
    /// <summary>It goes on.</summary>
    None = 0,

    /// <summary>It breaks a rule of RFC 9112, or leaves open where it ends: two servers could read it differently.</summary>
    BadRequest = 400,

    /// <summary>The client has not said who it is, or not truly.</summary>
    Unauthorized = 401,

    /// <summary>CONNECT: what is inside a tunnel could not be looked at.</summary>
    MethodNotAllowed = 405,

    /// <summary>The head did not come within <c>request-timeout</c>.</summary>
    Timeout = 408,

    /// <summary>The head is longer than <c>max-request-head</c>.</summary>
    HeadTooLarge = 431,

    /// <summary>A transfer coding other than chunked.</summary>
    NotImplemented = 501,

    /// <summary>No memory for it now.</summary>
    Unavailable = 503,

    /// <summary>It is not HTTP/1.0 or 1.1.</summary>
    VersionNotSupported = 505,
}

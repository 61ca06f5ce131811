namespace Appliance.Listeners.Http;

/// <summary>What a client is told whose request goes no further. The connection ends behind it.</summary>
internal static class HttpAnswer
{
    /// <summary>Asks who the client is; the connection goes on.</summary>
    internal static ReadOnlySpan<byte> Challenge => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"login\", charset=\"UTF-8\"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"u8;

    /// <summary>The response to a refused request.</summary>
    internal static ReadOnlySpan<byte> Of(HttpRefusal refusal) => refusal switch
    {
        HttpRefusal.BadRequest => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.Unauthorized => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"login\", charset=\"UTF-8\"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.MethodNotAllowed => "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.Timeout => "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.HeadTooLarge => "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.NotImplemented => "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        HttpRefusal.VersionNotSupported => "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
        _ => "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8,
    };
}

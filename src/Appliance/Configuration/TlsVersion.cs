namespace Appliance.Configuration;

/// <summary>A version of TLS. Older ones are deprecated (RFC 8996) and not offered.</summary>
public enum TlsVersion
{
    /// <summary>TLS 1.2 (RFC 5246).</summary>
    Tls12,

    /// <summary>TLS 1.3 (RFC 8446).</summary>
    Tls13,
}

namespace Appliance.Configuration;

/// <summary>Whether a TLS listener looks into HTTP/1.1 and tells servers by X-Forwarded-For and X-Forwarded-Proto who asks.</summary>
public enum Forwarded
{
    /// <summary>Bytes pass as they are.</summary>
    Off,

    /// <summary>What clients say of themselves is taken out.</summary>
    Replace,

    /// <summary>What clients say in X-Forwarded-For stays, in front of their own address: for trusted proxies in front.</summary>
    Append,
}

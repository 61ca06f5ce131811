namespace Appliance.TcpStateMirror.Packets;

/// <summary>Version numbers of TLS as on the wire.</summary>
internal static class TlsVersions
{
    internal const ushort Ssl3 = 0x0300, Tls10 = 0x0301, Tls11 = 0x0302, Tls12 = 0x0303, Tls13 = 0x0304;

    /// <summary>The name, or null for a number that has none.</summary>
    public static string? NameOf(ushort version) => version switch
    {
        Ssl3 => "SSL 3.0",
        Tls10 => "TLS 1.0",
        Tls11 => "TLS 1.1",
        Tls12 => "TLS 1.2",
        Tls13 => "TLS 1.3",
        _ => null,
    };
}

namespace Appliance.Admin;

/// <summary>The TLS of a listener.</summary>
/// <param name="Name">[listener NAME].</param>
/// <param name="Resumption">As configured.</param>
/// <param name="KeyEpoch">The number of the key that seals tickets here; 0 before one of the service has come, or without tickets.</param>
/// <param name="Full">Handshakes that began a session.</param>
/// <param name="Resumed">Handshakes that resumed one.</param>
/// <param name="Missed">Sessions that clients asked for and did not get.</param>
/// <param name="Mirrored">Sessions that were written to the service's state.</param>
/// <param name="Certificates">In the order of the configuration.</param>
internal sealed record TlsStatus(string Name, string Resumption, uint KeyEpoch, long Full, long Resumed, long Missed, long Mirrored, IReadOnlyList<CertificateStatus> Certificates);

/// <summary>A certificate.</summary>
/// <param name="File">Where it stands.</param>
/// <param name="Names">Names that it is for.</param>
/// <param name="Expires">When it ends.</param>
internal sealed record CertificateStatus(string File, IReadOnlyList<string> Names, DateTimeOffset Expires);

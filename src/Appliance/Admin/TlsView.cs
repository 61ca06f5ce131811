using Appliance.Configuration;
using Appliance.Listeners.Relay;
using Appliance.Listeners.Tls;

namespace Appliance.Admin;

/// <summary>Gathers what there is to say of TLS listeners. Loop thread of the relay.</summary>
internal static class TlsView
{
    /// <summary>An expiry nearer than this is a warning: 14 days, when what renews certificates by itself has failed for two weeks.</summary>
    internal static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(14);

    /// <summary>For the status.</summary>
    internal static IReadOnlyList<TlsStatus> Describe(IEnumerable<RelayListener> listeners) => [.. From(listeners).Select(static entry => Describe(entry.Name, entry.Tls))];

    /// <summary>For the metrics. Every name stands in docs/operations.md.</summary>
    internal static void Write(PrometheusText page, IEnumerable<RelayListener> listeners)
    {
        List<(string Name, TlsServer Tls)> all = From(listeners);
        foreach ((string name, TlsServer tls) in all)
        {
            foreach ((string version, string kind, long count) in Handshakes(tls.Counters))
                page.Counter("appliance_tls_handshakes_total", "Handshakes that ended well.", count, ("listener", name), ("version", version), ("kind", kind));
        }
        foreach ((string name, TlsServer tls) in all)
        {
            foreach ((string reason, long count) in Misses(tls.Counters))
                page.Counter("appliance_tls_missed_total", "Sessions that clients asked for and did not get.", count, ("listener", name), ("reason", reason));
        }
        foreach ((string name, TlsServer tls) in all) page.Gauge("appliance_tls_handshaking", "Handshakes under way.", tls.Counters.Handshaking, ("listener", name));
        foreach ((string name, TlsServer tls) in all) page.Gauge("appliance_tls_key_epoch", "The number of the key that seals tickets.", tls.Keys.Epoch, ("listener", name));
        foreach ((string name, TlsServer tls) in all) page.Counter("appliance_tls_sessions_mirrored_total", "Sessions written to the service's state.", MirroredOf(tls), ("listener", name));
        foreach ((string name, TlsServer tls) in all)
        {
            foreach ((string reason, long count) in Drops(tls.Sessions))
                page.Counter("appliance_tls_sessions_dropped_total", "Sessions that were not kept.", count, ("listener", name), ("reason", reason));
        }
        foreach ((string name, TlsServer tls) in all) page.Counter("appliance_tls_renegotiations_total", "Renegotiations that clients asked for; each ends its connection.", tls.Counters.Renegotiations, ("listener", name));
        foreach ((string name, TlsServer tls) in all) page.Counter("appliance_tls_stapled_responses_total", "Stapled OCSP responses sent.", tls.Counters.StapledResponses, ("listener", name));
        foreach ((string name, TlsServer tls) in all) page.Counter("appliance_http_requests_total", "HTTP requests passed on with what is said of their client.", tls.Counters.Requests, ("listener", name));
        foreach ((string name, TlsServer tls) in all)
        {
            foreach ((string outcome, long count) in Logins(tls))
                page.Counter("appliance_http_logins_total", "Logins by what became of them.", count, ("listener", name), ("outcome", outcome));
        }
        foreach ((string name, TlsServer tls) in all) page.Counter("appliance_http_refused_total", "HTTP requests that were not passed on.", tls.Counters.RefusedRequests, ("listener", name));
        foreach ((string name, TlsServer tls) in all)
        {
            foreach (TlsCertificate certificate in tls.Contexts.Certificates)
                page.Gauge("appliance_tls_certificate_expiry_seconds", "When the certificate ends, in seconds since 1970.", certificate.Expires.ToUnixTimeSeconds(), ("listener", name), ("file", certificate.Path));
        }
    }

    private static long MirroredOf(TlsServer tls) => tls.Sessions is { } sessions ? Volatile.Read(ref sessions.Mirrored) : 0;

    private static IEnumerable<(string Version, string Kind, long Count)> Handshakes(TlsCounters counters) =>
        [("1.2", "full", counters.FullTls12), ("1.2", "resumed", counters.ResumedTls12), ("1.3", "full", counters.FullTls13), ("1.3", "resumed", counters.ResumedTls13)];

    private static IEnumerable<(string Reason, long Count)> Misses(TlsCounters counters) => [("unknown", counters.MissedUnknown), ("expired", counters.MissedExpired), ("key", counters.MissedKey), ("certificate", counters.MissedCertificate), ("spent", counters.MissedSpent)];

    private static IEnumerable<(string Outcome, long Count)> Logins(TlsServer tls) =>
        [("accepted", tls.Logins?.Accepted ?? 0), ("refused", tls.Logins?.Refused ?? 0), ("turned_away", tls.Logins?.TurnedAway ?? 0), ("challenged", tls.Counters.Challenges)];

    private static IEnumerable<(string Reason, long Count)> Drops(TlsSessions? sessions) =>
        [("elsewhere", sessions?.DroppedElsewhere ?? 0), ("refused", sessions?.DroppedRefused ?? 0), ("full", sessions?.DroppedFull ?? 0)];

    private static List<(string Name, TlsServer Tls)> From(IEnumerable<RelayListener> listeners) => [.. listeners.Where(static listener => listener.Tls is not null).Select(static listener => (listener.Options.Name, listener.Tls!))];

    private static TlsStatus Describe(string name, TlsServer tls) => new(
        name,
        SettingReader.Format(tls.Contexts.Settings.Resumption),
        tls.Keys.Epoch,
        tls.Counters.FullTls12 + tls.Counters.FullTls13,
        tls.Counters.ResumedTls12 + tls.Counters.ResumedTls13,
        Misses(tls.Counters).Sum(static miss => miss.Count),
        MirroredOf(tls),
        [.. tls.Contexts.Certificates.Select(static certificate => new CertificateStatus(certificate.Path, certificate.Names, certificate.Expires))]);
}

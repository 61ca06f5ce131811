namespace Appliance.Listeners.Tls;

/// <summary>What a TLS listener did. Every field is a metric (docs/operations.md). Loop thread.</summary>
internal sealed class TlsCounters
{
    /// <summary>Handshakes under way.</summary>
    public int Handshaking;

    /// <summary>Handshakes that began a TLS 1.2 session.</summary>
    public long FullTls12;

    /// <summary>Handshakes that began a TLS 1.3 session.</summary>
    public long FullTls13;

    /// <summary>Handshakes that resumed a TLS 1.2 session.</summary>
    public long ResumedTls12;

    /// <summary>Handshakes that resumed a TLS 1.3 session.</summary>
    public long ResumedTls13;

    /// <summary>Sessions that clients asked for and that this node does not hold.</summary>
    public long MissedUnknown;

    /// <summary>Sessions that clients asked for too late.</summary>
    public long MissedExpired;

    /// <summary>Tickets under a key that this node does not hold (any more).</summary>
    public long MissedKey;

    /// <summary>Sessions that were used before, where each may be used once; or asked for at a node that is not the primary.</summary>
    public long MissedSpent;

    /// <summary>Sessions whose client's certificate has ended or was revoked since.</summary>
    public long MissedCertificate;

    /// <summary>Renegotiations that clients asked for; each ends its connection.</summary>
    public long Renegotiations;

    /// <summary>Stapled OCSP responses sent.</summary>
    public long StapledResponses;

    /// <summary>HTTP requests passed on with what this side says of their client.</summary>
    public long Requests;

    /// <summary>HTTP requests whose clients were asked who they are.</summary>
    public long Challenges;

    /// <summary>HTTP requests that were not passed on; each ends its connection.</summary>
    public long RefusedRequests;

    /// <summary>Counts a handshake that has ended well.</summary>
    public void Count(bool isTls13, bool resumed)
    {
        ref long counter = ref isTls13 ? ref (resumed ? ref ResumedTls13 : ref FullTls13) : ref (resumed ? ref ResumedTls12 : ref FullTls12);
        counter++;
    }
}

using Appliance.Configuration;

namespace Appliance.Listeners.Http;

/// <summary>What is done with the requests of a listener; the keys of [listener] that speak of requests, valid.</summary>
internal sealed record HttpRules
{
    /// <summary>Whether requests say whom they are for.</summary>
    public Forwarded Forwarded { get; init; }

    /// <summary>Longest head.</summary>
    public int MaxHeadBytes { get; init; } = 32 << 10;

    /// <summary>For a head that has begun.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Who may log in; empty when nobody is asked.</summary>
    public string CredentialsFile { get; init; } = "";

    /// <summary>How long a login holds.</summary>
    public TimeSpan LoginLifetime { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Requests are looked at; bytes pass as they are where not.</summary>
    internal bool IsNeeded => Forwarded != Forwarded.Off;
}

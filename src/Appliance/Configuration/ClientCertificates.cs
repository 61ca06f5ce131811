namespace Appliance.Configuration;

/// <summary>Whether clients of a TLS listener show certificates.</summary>
public enum ClientCertificates
{
    /// <summary>None is asked for.</summary>
    Off,

    /// <summary>A client may show one; if it does, it must be good.</summary>
    Optional,

    /// <summary>A client without a good one is refused.</summary>
    Required,
}

namespace Appliance.State;

/// <summary>How a record's value is laid out. Stable on the wire: never renumber.</summary>
public enum RecordKind : byte
{
    /// <summary>Plain bytes (a Redis string).</summary>
    Bytes = 0,

    /// <summary>The head of a hash: its generation. Its fields are records of their own.</summary>
    Hash = 1,

    /// <summary>One field of a hash, keyed by (key, generation, field).</summary>
    HashField = 2,

    /// <summary>A TLS session identifier and what resumes it (A5, A6).</summary>
    TlsSession = 3,

    /// <summary>A verified user identity (A7).</summary>
    Authentication = 4,

    /// <summary>TCP/IP header state of a connection (A8).</summary>
    Segment = 5,

    /// <summary>The keys that seal TLS session tickets, of all epochs that still open (A6).</summary>
    TicketKeys = 6,
}

namespace Appliance.State;

/// <summary>What a record is to its owner: decides acknowledgement, retention and eviction (ARCHITECTURE 1).</summary>
public enum RecordClass : byte
{
    /// <summary>Whatever an application keeps here.</summary>
    Application = 0,

    /// <summary>TLS session ids and information, user authentication (A5, A6, A7). Evicts the oldest.</summary>
    Credential = 1,

    /// <summary>TCP/IP header state of live connections (A8). Evicts the oldest.</summary>
    Segment = 2,

    /// <summary>Items, transaction, billing address (A9). Never evicted: the write is refused.</summary>
    Purchase = 3,
}

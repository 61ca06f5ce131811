namespace Appliance.Multicast.Wire;

/// <summary>Second byte of every datagram (P-02).</summary>
internal enum DatagramType : byte
{
    /// <summary>Messages of the sender's stream.</summary>
    Data = 1,

    /// <summary>An unauthenticated wrapper round an original sealed DATA.</summary>
    Repair = 2,

    /// <summary>What a receiver has and lacks of one stream.</summary>
    Report = 3,

    /// <summary>A beat of the heartbeat thread.</summary>
    Heartbeat = 4,

    /// <summary>What the sender can no longer repair.</summary>
    Gone = 5,

    /// <summary>A node announces itself.</summary>
    Join = 6,

    /// <summary>An answer to JOIN: admits the stream, or says why not.</summary>
    Setup = 7,

    /// <summary>A beat of the loop: numbered on both paths, and behind the last DATA.</summary>
    Probe = 8,

    /// <summary>A node says goodbye.</summary>
    Leave = 9,

    /// <summary>Wire version 2: a remark that changes nothing. Ignorable: version 1 skips it.</summary>
    Note = 64,
}

/// <summary>Third and fourth byte of every datagram (P-03). Unknown bits are ignored.</summary>
[Flags]
internal enum DatagramFlags : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Who does not know the type skips the datagram; without it an unknown type is an error.</summary>
    Ignorable = 1,

    /// <summary>The body is sealed and a tag follows.</summary>
    Sealed = 2,

    /// <summary>DATA: report at once when applied.</summary>
    AcknowledgeNow = 4,

    /// <summary>DATA: the body begins at the beginning of a run.</summary>
    RunStarts = 8,

    /// <summary>DATA: the body ends at the end of a run.</summary>
    RunEnds = 16,
}

namespace Appliance.State;

/// <summary>What a mirror has to say; the host writes it to the log with the level that the value suggests.</summary>
internal enum MirrorEvent : byte
{
    /// <summary>Normal progress (information).</summary>
    Progress,

    /// <summary>A service holds the complete state (information).</summary>
    Synchronised,

    /// <summary>A service no longer holds the complete state (warning).</summary>
    NotSynchronised,

    /// <summary>The whole group starts with nothing (warning).</summary>
    ColdStart,

    /// <summary>State is lost or may be (error).</summary>
    Lost,
}

namespace Appliance.State;

/// <summary>First byte of every message that a mirror publishes. Stable on the wire: never renumber.</summary>
internal enum MessageType : byte
{
    /// <summary>One record (<see cref="RecordCodec"/>).</summary>
    Record = 1,

    /// <summary>The first message of a term: where the earlier terms end (<see cref="CutMessage"/>).</summary>
    Cut = 2,

    /// <summary>Nothing: asks the receivers to report what they have applied.</summary>
    Mark = 3,

    /// <summary>Tombstones up to a version may be forgotten (<see cref="FloorMessage"/>).</summary>
    Floor = 4,

    /// <summary>Asks all members where they stand (<see cref="SurveyMessage"/>).</summary>
    Survey = 5,

    /// <summary>Where a member stands (<see cref="PositionMessage"/>).</summary>
    Position = 6,

    /// <summary>The primary hands its service over (<see cref="HandOverMessage"/>).</summary>
    HandOver = 7,

    /// <summary>From here on a type that a node does not know may be ignored; below, it is counted as an error.</summary>
    FirstIgnorable = 0x80,

    /// <summary>Something about a live connection (<see cref="LiveConnections.ConnectionMessage"/>). A node that does not know it carries no connections on.</summary>
    Connection = 0x80,
}

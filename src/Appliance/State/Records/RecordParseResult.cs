namespace Appliance.State;

/// <summary>Why bytes are no message of a mirror.</summary>
internal enum RecordParseResult : byte
{
    /// <summary>They are.</summary>
    Ok,

    /// <summary>Shorter than the fixed part or than the lengths in it.</summary>
    Truncated,

    /// <summary>Longer than the lengths in it.</summary>
    TrailingBytes,

    /// <summary>Another type of message.</summary>
    WrongType,

    /// <summary>An attribute bit or reserved byte that must be zero is not.</summary>
    BadAttributes,

    /// <summary>A class that does not exist.</summary>
    BadClass,

    /// <summary>Term or sequence 0, or an expiry out of range.</summary>
    BadNumber,

    /// <summary>Key or value do not have the form that the kind asks for.</summary>
    BadForm,

    /// <summary>Terms that do not ascend, or too many.</summary>
    BadChain,
}

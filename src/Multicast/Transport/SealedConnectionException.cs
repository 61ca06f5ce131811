namespace Appliance.Multicast.Transport;

/// <summary>Why a <see cref="SealedConnection"/> was refused or broke.</summary>
public enum SealedConnectionError : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The peer speaks something else, or another version.</summary>
    NotThisProtocol,

    /// <summary>The peer belongs to another group.</summary>
    OtherGroup,

    /// <summary>One side seals, the other does not.</summary>
    SecurityDiffers,

    /// <summary>The listener does not accept the caller's key id.</summary>
    UnknownKey,

    /// <summary>A frame does not open: a wrong key, or the bytes were changed.</summary>
    Forged,

    /// <summary>A frame is longer than agreed, or of an unknown type.</summary>
    BadFrame,

    /// <summary>The peer closed the connection in the middle.</summary>
    Truncated,

    /// <summary>The peer was silent for too long, or took nothing for too long.</summary>
    TimedOut,

    /// <summary>The listener serves as many as it may.</summary>
    Full,

    /// <summary>Nobody listens there, or no route leads there.</summary>
    Unreachable,

    /// <summary>The network reported another error.</summary>
    Network,

    /// <summary>This side closed it.</summary>
    Closed,
}

/// <summary>A <see cref="SealedConnection"/> was refused or broke.</summary>
public sealed class SealedConnectionException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="error">Why.</param>
    /// <param name="message">A sentence for the log.</param>
    public SealedConnectionException(SealedConnectionError error, string message)
        : base(message) => Error = error;

    /// <summary>Why.</summary>
    public SealedConnectionError Error { get; }
}

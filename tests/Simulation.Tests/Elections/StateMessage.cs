namespace Appliance.Tests.Simulation.Elections;

/// <summary>Kinds of messages of the modelled state.</summary>
internal enum StateMessageKind : byte
{
    /// <summary>A primary's log.</summary>
    Replicate,

    /// <summary>A member has applied a log.</summary>
    Applied,

    /// <summary>A new primary collects.</summary>
    Ask,

    /// <summary>What a member holds.</summary>
    Answer,
}

/// <summary>One message of the modelled state.</summary>
/// <param name="Kind">What.</param>
/// <param name="Service">Which service.</param>
/// <param name="Term">The primary's term.</param>
/// <param name="Log">A log.</param>
/// <param name="LogTerm">The term under which the log was taken over.</param>
/// <param name="Synchronised">The sender holds a state.</param>
internal sealed record StateMessage(StateMessageKind Kind, int Service, uint Term, Entry? Log, uint LogTerm = 0, bool Synchronised = false);

namespace Appliance.Commands;

/// <summary>Exit codes of every command.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    internal const int Done = 0;

    /// <summary>Tried and failed.</summary>
    internal const int Failed = 1;

    /// <summary>Nothing was tried: the command line or the configuration is wrong.</summary>
    internal const int WrongUsage = 2;
}

/// <summary>A command ends with a message that its user can act on.</summary>
/// <param name="message">One line.</param>
/// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
internal sealed class CommandException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    /// <summary>One of <see cref="Commands.ExitCode"/>.</summary>
    internal int Code { get; } = exitCode;
}

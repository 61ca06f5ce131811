using System.CommandLine;

namespace Appliance.Commands;

/// <summary>The verbs of the program.</summary>
internal static class ApplianceCommandLine
{
    /// <summary>Parses and executes a command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    internal static async Task<int> InvokeAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        RootCommand root = Create();
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var mistake in parsed.Errors) await error.WriteLineAsync($"appliance: {mistake.Message}").ConfigureAwait(false);
            await error.WriteLineAsync("Try 'appliance --help', or '--help' behind a command.").ConfigureAwait(false);
            return ExitCode.WrongUsage;
        }
        try
        {
            // The run command handles signals itself; a deadline after a signal would cut its orderly end short.
            var configuration = new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        }
        catch (CommandException failure)
        {
            await error.WriteLineAsync($"appliance: {failure.Message}").ConfigureAwait(false);
            return failure.Code;
        }
    }

    /// <summary>The whole command line, for help and for tests.</summary>
    internal static RootCommand Create() => new("Keeps the state of client sessions alive when a load balancer dies.")
    {
        RunCommand.Create(),
        CheckCommand.Create(),
        StatusCommand.Create(),
        GetCommand.Create(),
        BackendCommand.Create(),
        ReloadCommand.Create(),
        PromoteCommand.Create(),
        DrainCommand.Create(),
        UndrainCommand.Create(),
        AcceptLossCommand.Create(),
        MembersCommand.Create(),
        KeygenCommand.Create(),
        CredentialCommand.Create(),
        RotateKeysCommand.Create(),
        DrillCommand.Create(),
        LabCommand.Create(),
        CaptureCommand.Create(),
    };
}

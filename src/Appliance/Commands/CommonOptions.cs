using System.CommandLine;
using Appliance.Configuration;

namespace Appliance.Commands;

/// <summary>Options that several verbs share.</summary>
internal static class CommonOptions
{
    private const string DefaultConfiguration = "/etc/appliance/appliance.conf";

    /// <summary><c>--config FILE</c></summary>
    internal static Option<string> Config() => new("--config", "-c")
    {
        Description = "Configuration file",
        HelpName = "FILE",
        DefaultValueFactory = static _ => DefaultConfiguration,
    };

    /// <summary><c>--admin SOCKET</c></summary>
    internal static Option<string> Admin() => new("--admin")
    {
        Description = "The node's admin socket, or address:port of its admin listener",
        HelpName = "SOCKET",
        DefaultValueFactory = static _ => new AdminOptions().Socket,
    };

    /// <summary><c>--json</c></summary>
    internal static Option<bool> Json() => new("--json") { Description = "Print JSON with stable field names (docs/operations.md)" };

    /// <summary>Loads a configuration for a command that needs a valid one.</summary>
    /// <exception cref="CommandException">Everything that is wrong with it, one per line.</exception>
    internal static ApplianceConfiguration LoadConfiguration(string path)
    {
        LoadResult result = ConfigurationLoader.Load(path);
        return result.Configuration ?? throw new CommandException(Describe(result.Problems), ExitCode.WrongUsage);
    }

    /// <summary>Problems as lines behind a summary.</summary>
    internal static string Describe(IReadOnlyList<ConfigurationProblem> problems) =>
        $"the configuration has {problems.Count} {(problems.Count == 1 ? "mistake" : "mistakes")}\n{string.Join('\n', problems)}";
}

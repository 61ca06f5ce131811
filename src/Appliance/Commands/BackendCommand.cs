using System.CommandLine;
using System.Text.Json;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary><c>appliance backend drain|ready POOL/SERVER</c>: takes a server of a pool out of use, and back. On this node, until it restarts.</summary>
internal static class BackendCommand
{
    internal static Command Create() => new("backend", "Take a server of a pool out of use on this node, and back")
    {
        Verb("drain", "Give a server no new connections; those that it has go on"),
        Verb("ready", "Give it new connections again"),
    };

    private static Command Verb(string verb, string description)
    {
        var server = new Argument<string>("pool/server") { Description = "For example web/10.0.1.1:80, as 'appliance status' shows it" };
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var command = new Command(verb, description) { server, admin, json };
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), TimeSpan.FromSeconds(10));
            string text = await client.PostAsync($"backend/{verb}?server={Uri.EscapeDataString(parsed.GetRequiredValue(server))}").ConfigureAwait(false);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
            {
                await output.WriteLineAsync(text).ConfigureAwait(false);
                return ExitCode.Done;
            }
            DrainReport report = JsonSerializer.Deserialize(text, AdminJson.Default.DrainReport)!;
            await output.WriteLineAsync($"{report.Server} {(report.Draining ? "gets no new connections" : "gets new connections")}; it has {report.Connections}").ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }
}

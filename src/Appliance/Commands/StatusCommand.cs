using System.CommandLine;
using System.Text.Json;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary><c>appliance status</c>: what a running node sees now.</summary>
internal static class StatusCommand
{
    internal static Command Create()
    {
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("status", "Show what a running node sees now: roles, members, lag, what would be lost") { admin, json };
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), TimeSpan.FromSeconds(10));
            string text = await client.GetAsync("status").ConfigureAwait(false);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json)) await output.WriteLineAsync(text).ConfigureAwait(false);
            else TerminalOutput.Over(output).Write(StatusView.Render(JsonSerializer.Deserialize(text, AdminJson.Default.NodeStatus)!));
            return ExitCode.Done;
        });
        return command;
    }
}

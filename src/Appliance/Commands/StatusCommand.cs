using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Appliance.Admin;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Appliance.Commands;

/// <summary><c>appliance status</c>: what a running node sees now.</summary>
internal static class StatusCommand
{
    internal static Command Create()
    {
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var watch = new Option<bool>("--watch", "-w") { Description = "Show it again and again until Ctrl-C" };
        var command = new Command("status", "Show what a running node sees now: roles, members, lag, what would be lost") { admin, json, watch };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(watch)) result.AddError("--watch shows tables: ask with --json as often as you like instead");
        });
        command.SetAction((parsed, cancellation) =>
        {
            string target = parsed.GetRequiredValue(admin);
            TextWriter output = parsed.InvocationConfiguration.Output;
            return parsed.GetValue(watch) ? WatchAsync(output, target, cancellation) : ShowAsync(output, target, parsed.GetValue(json));
        });
        return command;
    }

    private static async Task<int> ShowAsync(TextWriter output, string target, bool json)
    {
        using var client = new AdminClient(target, TimeSpan.FromSeconds(10));
        string text = await client.GetAsync("status").ConfigureAwait(false);
        if (json) await output.WriteLineAsync(text).ConfigureAwait(false);
        else TerminalOutput.Over(output).Write(Render(text));
        return ExitCode.Done;
    }

    private static async Task<int> WatchAsync(TextWriter output, string target, CancellationToken cancellation)
    {
        using var client = new AdminClient(target, TimeSpan.FromSeconds(2));
        DateTime answered = DateTime.UtcNow;
        return await LiveView.RunAsync(output, LookAsync, cancellation).ConfigureAwait(false);

        async Task<IRenderable> LookAsync()
        {
            try
            {
                IRenderable view = Render(await client.GetAsync("status").ConfigureAwait(false));
                answered = DateTime.UtcNow;
                return new Rows(new Text(string.Create(CultureInfo.InvariantCulture, $"{answered:HH:mm:ss} UTC")), view);
            }
            catch (CommandException failure)
            {
                // What it said before is not shown any more: nobody knows whether it still holds.
                DateTime now = DateTime.UtcNow;
                return new Markup(string.Create(CultureInfo.InvariantCulture, $"{now:HH:mm:ss} UTC\n[red]{Markup.Escape(failure.Message)}[/], for {(now - answered).TotalSeconds:0} s"));
            }
        }
    }

    private static IRenderable Render(string text) => StatusView.Render(JsonSerializer.Deserialize(text, AdminJson.Default.NodeStatus)!);
}

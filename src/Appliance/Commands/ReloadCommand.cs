using System.CommandLine;
using System.Text.Json;
using Appliance.Admin;

namespace Appliance.Commands;

/// <summary><c>appliance reload</c>: a running node reads its configuration again and says what it applied.</summary>
internal static class ReloadCommand
{
    internal static Command Create()
    {
        Option<string> admin = CommonOptions.Admin();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("reload", "Let the running node read its configuration again; says what is applied and what needs a restart") { admin, json };
        command.SetAction(async (parsed, _) =>
        {
            using var client = new AdminClient(parsed.GetRequiredValue(admin), TimeSpan.FromSeconds(10));
            string text = await client.PostAsync("reload").ConfigureAwait(false);
            ReloadReport report = JsonSerializer.Deserialize(text, AdminJson.Default.ReloadReport)!;
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json)) await output.WriteLineAsync(text).ConfigureAwait(false);
            else Print(output, report);
            return report.Problems.Count == 0 ? ExitCode.Done : ExitCode.WrongUsage;
        });
        return command;
    }

    private static void Print(TextWriter output, ReloadReport report)
    {
        if (report.Problems.Count > 0) output.WriteLine("refused, nothing has changed:");
        foreach (string problem in report.Problems) output.WriteLine($"  {problem}");
        foreach (string applied in report.Applied) output.WriteLine($"applied:        {applied}");
        foreach (string waiting in report.NeedRestart) output.WriteLine($"needs a restart: {waiting}");
        if (report.Problems.Count + report.Applied.Count + report.NeedRestart.Count == 0) output.WriteLine("nothing has changed");
    }
}

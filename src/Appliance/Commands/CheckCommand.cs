using System.CommandLine;
using System.Text.Json;
using Appliance.Configuration;
using Appliance.Host;

namespace Appliance.Commands;

/// <summary><c>appliance check</c>: is the configuration right, and can this host carry it? Changes nothing.</summary>
internal static class CheckCommand
{
    internal static Command Create()
    {
        Option<string> config = CommonOptions.Config();
        Option<bool> json = CommonOptions.Json();
        var fileOnly = new Option<bool>("--file-only") { Description = "Check the file and not this host (before copying it to another one)" };
        var command = new Command("check", "Check the configuration and this host; changes nothing") { config, fileOnly, json };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            string path = parsed.GetRequiredValue(config);
            LoadResult loaded = ConfigurationLoader.Load(path);
            IReadOnlyList<Finding> findings = loaded.Configuration is { } configuration && !parsed.GetValue(fileOnly) ? HostCheck.Examine(configuration) : [];
            if (parsed.GetValue(json)) WriteJson(output, path, loaded, findings);
            else WriteText(output, path, loaded, findings);
            if (loaded.Configuration is null) return ExitCode.WrongUsage;
            return findings.Any(static finding => finding.Severity == Severity.Error) ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static void WriteText(TextWriter output, string path, LoadResult loaded, IReadOnlyList<Finding> findings)
    {
        foreach (ConfigurationProblem problem in loaded.Problems) output.WriteLine(problem);
        if (loaded.Configuration is { } configuration)
            output.WriteLine($"ok       {path}: node {configuration.Node.Id} of {configuration.Group.Members.Count}, {configuration.Services.Count} services, {configuration.Listeners.Count} listeners, group-wide settings {GroupDigest.Text(configuration)[..12]}");
        foreach (Finding finding in findings)
        {
            string word = finding.Severity switch { Severity.Ok => "ok     ", Severity.Advice => "advice ", Severity.Warning => "warning", _ => "ERROR  " };
            output.WriteLine($"{word}  {finding.Subject}: {finding.Message}");
            if (finding.Fix is not null && finding.Severity != Severity.Ok) output.WriteLine($"           fix: {finding.Fix}");
        }
    }

    private static void WriteJson(TextWriter output, string path, LoadResult loaded, IReadOnlyList<Finding> findings) =>
        output.WriteLine(JsonSerializer.Serialize(new
        {
            file = path,
            valid = loaded.Configuration is not null,
            digest = loaded.Configuration is { } configuration ? GroupDigest.Text(configuration) : null,
            problems = loaded.Problems.Select(static problem => new { line = problem.Line, message = problem.Message }),
            findings = findings.Select(static finding => new { severity = SettingReader.Words(finding.Severity.ToString()), subject = finding.Subject, message = finding.Message, fix = finding.Fix }),
        }));
}

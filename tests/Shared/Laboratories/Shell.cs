using System.Diagnostics;

namespace Appliance.Tests.Shared.Laboratories;

/// <summary>Runs a program to its end, with a time limit.</summary>
internal static class Shell
{
    public sealed record Outcome(int ExitCode, string Output, string Error);

    /// <summary>Runs and returns whatever happened.</summary>
    public static Outcome Try(TimeSpan limit, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} was still running after {limit.TotalSeconds} s");
        }
        process.WaitForExit();
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Runs and demands exit code 0.</summary>
    public static string Run(string program, params string[] arguments)
    {
        Outcome outcome = Try(TimeSpan.FromSeconds(60), program, arguments);
        return outcome.ExitCode == 0
            ? outcome.Output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {outcome.ExitCode}: {outcome.Error}{outcome.Output}");
    }

    /// <summary>Runs a program inside a network namespace.</summary>
    public static string RunIn(string networkNamespace, string program, params string[] arguments) =>
        Run("nsenter", [$"--net=/run/netns/{networkNamespace}", program, .. arguments]);
}

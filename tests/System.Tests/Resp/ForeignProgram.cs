using System.Diagnostics;

namespace Appliance.Tests.Compatibility.Resp;

/// <summary>Runs a program that nobody here wrote.</summary>
internal static class ForeignProgram
{
    /// <summary>Runs it to its end and answers what it printed; fails the test when it fails or takes longer than a minute.</summary>
    internal static string Run(string program, string input, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(60_000))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)}");
        }
        string printed = output.GetAwaiter().GetResult(), complaints = errors.GetAwaiter().GetResult();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {printed}{complaints}");
        return printed + complaints;
    }
}

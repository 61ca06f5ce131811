using System.Diagnostics;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>packaging/appliance.service, as systemd reads it.</summary>
public sealed class The_unit : IDisposable
{
    private const int MostExposure = 25; // of 100; a service that may do everything has 96
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [ProgramFact("systemd-analyze")]
    public void Has_no_mistake_that_systemd_finds()
    {
        // The program is looked for; here it is not installed.
        string unit = _directory.File("appliance.service");
        File.WriteAllText(unit, Read().Replace("/usr/bin/appliance", Environment.ProcessPath, StringComparison.Ordinal));

        Assert.Equal((0, ""), Analyze("verify", unit));
    }

    [ProgramFact("systemd-analyze")]
    public void Exposes_the_host_little()
    {
        (int code, string text) = Analyze("security", "--offline=yes", $"--threshold={MostExposure}", RepositoryRoot.File("packaging/appliance.service"));

        Assert.True(code == 0, text);
        Assert.Contains("Overall exposure level", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Bounds_the_program_to_the_capabilities_that_it_gives() => Assert.Equal(Value("AmbientCapabilities"), Value("CapabilityBoundingSet"));

    /// <summary>The value of a setting that stands there once.</summary>
    internal static string Value(string setting) => Read().Split('\n').Single(line => line.StartsWith(setting + "=", StringComparison.Ordinal))[(setting.Length + 1)..];

    private static string Read() => File.ReadAllText(RepositoryRoot.File("packaging/appliance.service"));

    private static (int Code, string Text) Analyze(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("systemd-analyze", ["--no-pager", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, text);
    }
}

namespace Appliance.Tests.Shared;

/// <summary>A fact that needs a program on the path; skipped with its name when it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ProgramFactAttribute : FactAttribute
{
    /// <summary>Skips the test unless the program is there.</summary>
    public ProgramFactAttribute(string program)
    {
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));
        if (!found) Skip = $"needs {program} on the path";
    }
}

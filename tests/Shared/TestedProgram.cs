namespace Appliance.Tests.Shared;

/// <summary>The program that tests start as a process of its own.</summary>
public static class TestedProgram
{
    /// <summary>Its full path: what APPLIANCE_PROGRAM names (<c>make test</c> names what <c>make build</c> made and operators get), otherwise the one built beside the tests.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("APPLIANCE_PROGRAM") is { Length: > 0 } named ? named : System.IO.Path.Combine(AppContext.BaseDirectory, "appliance");

    /// <summary>The directory that holds it and all that it needs.</summary>
    public static string Directory => System.IO.Path.GetDirectoryName(Path)!;
}

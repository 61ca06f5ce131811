namespace Appliance.Lab;

/// <summary>How this program starts itself again.</summary>
internal static class LabProgram
{
    /// <summary>The program, or the runtime and the program.</summary>
    internal static IReadOnlyList<string> Command { get; } = Find();

    private static string[] Find()
    {
        string running = Environment.ProcessPath ?? throw new LabException("this program does not know its own path");
        if (Path.GetFileNameWithoutExtension(running) != "dotnet") return [running];
        return [running, Path.Combine(AppContext.BaseDirectory, "appliance.dll")];
    }
}

using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>Starts programs as the unit does: another user than root, with exactly the capabilities that packaging/appliance.service gives.</summary>
internal static class UnprivilegedUser
{
    internal const string Name = "nobody";
    private static readonly Lazy<string> CopiedTests = new(() => Copy(AppContext.BaseDirectory)), CopiedProgram = new(() => Copy(TestedProgram.Directory));

    /// <summary>What is built of these tests, where that user can read it: the sources may lie in root's own directory.</summary>
    internal static string ReadableCopy => CopiedTests.Value;

    /// <summary>The program, where that user can read it.</summary>
    internal static string ReadableProgram => Path.Combine(CopiedProgram.Value, Path.GetFileName(TestedProgram.Path));

    /// <summary>setpriv(1) with its arguments; the program's follow.</summary>
    internal static IReadOnlyList<string> Launcher => LauncherWithout("");

    /// <summary>The same without one of the unit's capabilities.</summary>
    internal static IReadOnlyList<string> LauncherWithout(string capability)
    {
        IEnumerable<string> names = The_unit.Value("AmbientCapabilities").Split(' ').Where(name => name != capability);
        string capabilities = "-all," + string.Join(',', names.Select(static name => $"+{name["CAP_".Length..].ToLowerInvariant()}"));
        return ["setpriv", $"--reuid={Name}", "--regid=nogroup", "--clear-groups", "--no-new-privs", $"--inh-caps={capabilities}", $"--ambient-caps={capabilities}", $"--bounding-set={capabilities}"];
    }

    /// <summary>Lets a directory and all in it belong to that user.</summary>
    internal static void Give(string directory) => TestNamespace.Command("chown", "-R", Name, directory);

    private static string Copy(string directory)
    {
        string copy = Directory.CreateTempSubdirectory("appliance-test-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(copy, recursive: true);
        foreach (string file in Directory.EnumerateFiles(directory)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        TestNamespace.Command("chmod", "-R", "a+rX", copy);
        return copy;
    }
}

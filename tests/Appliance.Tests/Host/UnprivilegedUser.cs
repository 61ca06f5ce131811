using System.Diagnostics;
using Appliance.Tests.Appliance.Cluster.Namespaces;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

/// <summary>Starts programs as the unit does: another user than root, with exactly the capabilities that packaging/appliance.service gives.</summary>
internal static class UnprivilegedUser
{
    internal const string Name = "nobody";
    private static readonly List<StreamWriter> Pipes = []; // open as long as this process is
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
        RemoveAfterThisProcess(copy);
        foreach (string file in Directory.EnumerateFiles(directory)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        TestNamespace.Command("chmod", "-R", "a+rX", copy);
        return copy;
    }

    // The runner of the tests kills this process when it takes long to end: nothing here can be relied on to tidy up. Its end closes the pipe that the shell reads.
    private static void RemoveAfterThisProcess(string directory)
    {
        var shell = new ProcessStartInfo("sh", ["-c", "exec >/dev/null 2>&1; cat; rm -rf \"$0\"", directory]) { RedirectStandardInput = true };
        using Process remover = Process.Start(shell)!;
        Pipes.Add(remover.StandardInput);
    }
}

using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems.Harness;

/// <summary>The program as its next version will be: built from the same sources with one more wire version, in a directory of its own, incrementally.</summary>
internal static class NextWireVersion
{
    private static readonly Lazy<string> Built = new(Build);

    /// <summary>The program.</summary>
    public static string Program => Built.Value;

    private static string Build()
    {
        string output = RepositoryRoot.File("out/wire-next");
        // What this process inherited from the build that runs it would lead the other one astray.
        Shell.Outcome outcome = Shell.Try(TimeSpan.FromMinutes(5), "env", "-u", "MSBUILD_EXE_PATH", "-u", "MSBuildSDKsPath", "-u", "MSBuildExtensionsPath", "dotnet", "build", RepositoryRoot.File("src/Appliance/Appliance.csproj"),
            "-c", "Release", "-v", "quiet", "--artifacts-path", output, "-p:WireVersionNext=true", "-p:RunAnalyzers=false", "-p:UseSharedCompilation=false", "-nodeReuse:false");
        Assert.True(outcome.ExitCode == 0, $"the next wire version does not build: {outcome.Output}{outcome.Error}");
        return Path.Combine(output, "bin/Appliance/release/appliance");
    }
}

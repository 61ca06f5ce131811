namespace Appliance.Tests.Shared;

/// <summary>Where the sources stand, for tests that read what is shipped.</summary>
public static class RepositoryRoot
{
    /// <summary>The directory that holds Appliance.sln.</summary>
    public static string Path { get; } = Find();

    /// <summary>A file's full path.</summary>
    public static string File(string relativePath) => System.IO.Path.Combine(Path, relativePath);

    private static string Find()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (System.IO.File.Exists(System.IO.Path.Combine(directory.FullName, "Appliance.sln"))) return directory.FullName;
        }
        throw new DirectoryNotFoundException($"no Appliance.sln above {AppContext.BaseDirectory}");
    }
}

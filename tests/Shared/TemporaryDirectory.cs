namespace Appliance.Tests.Shared;

/// <summary>A directory for one test.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    /// <summary>The directory.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("appliance-test-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Removes it with all that it holds.</summary>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}

using Appliance.Interop;
using Appliance.Multicast;

namespace Appliance.Lab;

/// <summary>The directory in which a laboratory remembers itself, held by one command at a time.</summary>
internal sealed class LabDirectory : IDisposable
{
    private const string Variable = "APPLIANCE_LAB_DIRECTORY";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly FileStream _lock;

    private LabDirectory(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    /// <summary>The directory.</summary>
    internal string Path { get; }

    /// <summary>Opens the directory of a laboratory, which need not exist yet; waits for another command on it to end.</summary>
    /// <exception cref="LabException">The name cannot be used, or the other command does not end.</exception>
    internal static LabDirectory Open(string name)
    {
        if (!NodeId.IsValidName(name) || name.Length > 20) throw new LabException($"'{name}' is no name for a laboratory: 1 to 20 characters of a-z, 0-9, '-', '_', '.'");
        string root = Root();
        string path = System.IO.Path.Combine(root, name);
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (Polling.Until(Patience, () => (held = TryLock($"{path}.lock")) is not null)) return new LabDirectory(path, held!);
        }
        catch (UnauthorizedAccessException)
        {
            throw new LabException($"laboratories live in {root}, and this user may not write there: name another directory with {Variable}");
        }
        throw new LabException($"another command has held laboratory '{name}' for {Patience.TotalSeconds:0} s");
    }

    /// <summary>Makes it.</summary>
    internal void Create() => Directory.CreateDirectory(Path);

    /// <summary>Removes it with all that it holds.</summary>
    internal void Remove()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }

    /// <summary>Lets the next command in.</summary>
    public void Dispose()
    {
        if (!Directory.Exists(Path)) File.Delete($"{Path}.lock");
        _lock.Dispose();
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string Root() => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named
        : Environment.IsPrivilegedProcess ? "/run/appliance-lab"
        : System.IO.Path.Combine(Environment.GetEnvironmentVariable("TMPDIR") ?? "/tmp", $"appliance-lab-{Environment.UserName}");
}

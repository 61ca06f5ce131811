using System.Globalization;
using System.Text;

namespace Appliance.Host;

/// <summary>
/// What a node must remember from one life to the next, in [node] state-directory. Held by one process at a time: a second one with the same directory
/// would be a second node with the same id.
/// </summary>
internal sealed class StateDirectory : IDisposable
{
    private const string IncarnationFile = "incarnation", LockFile = "lock";
    private readonly FileStream _lock;

    private StateDirectory(string path, FileStream lockStream)
    {
        Path = path;
        _lock = lockStream;
    }

    /// <summary>The directory.</summary>
    internal string Path { get; }

    /// <summary>Opens the directory, made when absent, for this process alone.</summary>
    /// <exception cref="IOException">Another process holds it, or it cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    internal static StateDirectory Open(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            return new StateDirectory(path, new FileStream(System.IO.Path.Combine(path, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException error)
        {
            throw new IOException($"{path} is in use by another process of this program ({error.Message})", error);
        }
    }

    /// <summary>
    /// Begins a new life. Larger than every earlier one, also when the clock was turned back (the number kept counts) and when the directory was
    /// lost (the clock counts): a peer that knows the old life accepts only a larger number.
    /// </summary>
    /// <param name="wallMilliseconds">Milliseconds since the Unix epoch.</param>
    /// <exception cref="IOException">It could not be kept: the node must not start.</exception>
    /// <exception cref="InvalidDataException">What is kept there is no number: somebody else wrote it, and guessing could repeat a life.</exception>
    internal ulong NextIncarnation(long wallMilliseconds) => Advance(IncarnationFile, Math.Max(1, wallMilliseconds));

    /// <summary>Counts one further, at least to <paramref name="floor"/>, and returns the number once it is safely kept.</summary>
    /// <param name="name">Name of the counter's file.</param>
    /// <param name="floor">Least result.</param>
    /// <exception cref="IOException">It could not be kept.</exception>
    /// <exception cref="InvalidDataException">What is kept there is no number.</exception>
    internal ulong Advance(string name, long floor)
    {
        string file = System.IO.Path.Combine(Path, name);
        ulong previous = 0;
        if (File.Exists(file) && !ulong.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out previous))
            throw new InvalidDataException($"{file} holds no number");
        ulong next = Math.Max(previous + 1, (ulong)floor);
        AtomicFile.Write(file, Encoding.ASCII.GetBytes(next.ToString(CultureInfo.InvariantCulture) + "\n"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return next;
    }

    /// <summary>Lets another process use the directory.</summary>
    public void Dispose() => _lock.Dispose();
}

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Appliance.State;

/// <summary>Terms of services that outlive a restart. The simulator keeps them in memory.</summary>
internal interface ITermStore
{
    /// <summary>The newest term that was stored; 0 when none ever was.</summary>
    /// <exception cref="StateDirectoryException">It is there but cannot be read.</exception>
    ulong ReadTerm(string service);

    /// <summary>Stores a term; it is on the disk when the call returns.</summary>
    /// <exception cref="StateDirectoryException">It cannot be stored.</exception>
    void WriteTerm(string service, ulong term);
}

/// <summary>A small number that must survive a restart could not be read or stored.</summary>
public sealed class StateDirectoryException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What failed, with the path and what to do.</param>
    /// <param name="inner">Why.</param>
    public StateDirectoryException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// The numbers that must survive a restart, one file each in <c>[node] state-directory</c>: the incarnation, and the term of each service of which this node is the
/// primary. Written beside and renamed over, both synchronised, so that a power failure leaves the old or the new number and never half of one.
/// </summary>
/// <remarks>A file holds the decimal number and a newline. An unreadable one stops the start: to guess a term or an incarnation would break what rests on them.</remarks>
public sealed class StateDirectory : ITermStore
{
    private const string IncarnationFile = "incarnation";
    private readonly string _path;

    /// <summary>Opens the directory, which is created when missing, readable by its owner only.</summary>
    /// <exception cref="StateDirectoryException">It cannot be created.</exception>
    public StateDirectory(string path)
    {
        _path = path;
        try
        {
            if (!Directory.Exists(path)) Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StateDirectoryException($"cannot create the state directory '{path}' ([node] state-directory): {e.Message}", e);
        }
    }

    /// <summary>Counts this life of the node: larger than every one before, also after the clock was turned back.</summary>
    /// <exception cref="StateDirectoryException">The number cannot be read or stored.</exception>
    public ulong NextIncarnation()
    {
        ulong incarnation = Read(IncarnationFile) + 1;
        Write(IncarnationFile, incarnation);
        return incarnation;
    }

    /// <summary>The incarnation of the newest life; 0 before the first.</summary>
    /// <exception cref="StateDirectoryException">The number cannot be read.</exception>
    public ulong ReadIncarnation() => Read(IncarnationFile);

    ulong ITermStore.ReadTerm(string service) => Read(TermFile(service));

    void ITermStore.WriteTerm(string service, ulong term) => Write(TermFile(service), term);

    private static string TermFile(string service) => $"term-{service}";

    private ulong Read(string name)
    {
        string file = Path.Combine(_path, name);
        string text;
        try
        {
            if (!File.Exists(file)) return 0;
            text = File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StateDirectoryException($"cannot read '{file}': {e.Message}", e);
        }
        if (text.EndsWith('\n') && ulong.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)) return number;
        throw new StateDirectoryException(
            $"'{file}' is damaged: it must hold one decimal number and a newline. Restore it from a backup with a number at least as large as the last, or delete it if every other member of the group is down");
    }

    private void Write(string name, ulong number)
    {
        string file = Path.Combine(_path, name), beside = file + ".new";
        try
        {
            using (SafeFileHandle handle = File.OpenHandle(beside, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(handle, System.Text.Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture) + "\n"), 0);
                RandomAccess.FlushToDisk(handle);
            }
            File.Move(beside, file, overwrite: true);
            SynchroniseDirectory();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StateDirectoryException($"cannot store '{file}': {e.Message}", e);
        }
    }

    // The rename itself is durable only when the directory is. .NET opens no directory as a file, so this one goes to the C library.
    private void SynchroniseDirectory()
    {
        int error = Interop.DirectorySync.Synchronise(_path);
        if (error != 0) throw new IOException($"fsync of the directory failed: {Marshal.GetPInvokeErrorMessage(error)}");
    }
}

using Appliance.Interop;

namespace Appliance.Host;

/// <summary>Files that are either the old or the new one, also after a loss of power.</summary>
internal static class AtomicFile
{
    /// <summary>Replaces a file: written beside it, synchronised, renamed, and the directory synchronised.</summary>
    /// <exception cref="IOException">The old file is still there, or the new one stands but may not survive a loss of power.</exception>
    internal static void Write(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        string temporary = $"{path}.{Environment.ProcessId}.new";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = mode };
            using (var stream = new FileStream(temporary, options))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        string directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        int error = FileSync.SyncDirectory(directory);
        if (error != 0) throw new IOException($"{directory} could not be synchronised: errno {error}");
    }
}

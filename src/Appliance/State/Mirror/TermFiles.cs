using System.Globalization;
using System.Text;
using Appliance.Host;

namespace Appliance.State;

/// <summary>Terms as files in <c>[node] state-directory</c>: <c>term-SERVICE</c> holds the decimal number and a newline.</summary>
/// <remarks>An unreadable one stops the start: to guess a term could use one twice, and then two writes had one version.</remarks>
internal sealed class TermFiles : ITermStore
{
    private readonly string _directory;

    /// <param name="directory">The state directory, which exists.</param>
    internal TermFiles(string directory) => _directory = directory;

    /// <inheritdoc/>
    public ulong ReadTerm(string service)
    {
        string file = FileOf(service);
        if (!File.Exists(file)) return 0;
        string text = File.ReadAllText(file);
        if (text.EndsWith('\n') && ulong.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong term) && term <= RecordVersion.MaxTerm)
            return term;
        throw new InvalidDataException(
            $"{file} is damaged: it must hold the term of service '{service}' as a decimal number. Write one there that is at least as large as the last, or delete the file if no other member of the group is up");
    }

    /// <inheritdoc/>
    public void WriteTerm(string service, ulong term) =>
        AtomicFile.Write(FileOf(service), Encoding.ASCII.GetBytes(term.ToString(CultureInfo.InvariantCulture) + "\n"), UnixFileMode.UserRead | UnixFileMode.UserWrite);

    private string FileOf(string service) => Path.Combine(_directory, $"term-{service}");
}

using System.Globalization;
using System.Text;
using Appliance.Host;

namespace Appliance.State;

/// <summary>Terms as files in <c>[node] state-directory</c>: <c>term-SERVICE</c> holds the decimal number and a newline.</summary>
/// <remarks>An unreadable one stops the start: to guess a term could use one twice, and then two writes had one version.</remarks>
internal sealed class TermFiles : ITermStore, IDisposable
{
    private readonly string _directory;
    private readonly Action<string> _failed;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ulong> _stored = [];
    private Task _writing = Task.CompletedTask;

    /// <param name="directory">The state directory, which exists.</param>
    /// <param name="failed">Told in one sentence when <see cref="WriteTermSoon"/> could not write; any thread.</param>
    internal TermFiles(string directory, Action<string> failed)
    {
        _directory = directory;
        _failed = failed;
    }

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
    public void WriteTerm(string service, ulong term)
    {
        lock (_lock)
        {
            if (!_stored.TryGetValue(service, out ulong stored)) stored = ReadTerm(service);
            if (term <= stored) return;
            AtomicFile.Write(FileOf(service), Encoding.ASCII.GetBytes(term.ToString(CultureInfo.InvariantCulture) + "\n"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
            _stored[service] = term;
        }
    }

    /// <inheritdoc/>
    /// <remarks>One task after another: a promise is made once in a term, so few ever wait.</remarks>
    public void WriteTermSoon(string service, ulong term) => _writing = _writing.ContinueWith(_ => TryWrite(service, term), TaskScheduler.Default);

    /// <summary>Waits until everything is written.</summary>
    public void Dispose() => _writing.Wait();

    private void TryWrite(string service, ulong term)
    {
        try
        {
            WriteTerm(service, term);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            _failed($"service {service}: term {term} could not be stored: {error.Message}");
        }
    }

    private string FileOf(string service) => Path.Combine(_directory, $"term-{service}");
}

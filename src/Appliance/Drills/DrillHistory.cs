using System.Text;
using System.Text.Json;
using Appliance.Host;

namespace Appliance.Drills;

/// <summary>The last drills of a laboratory or a node, one report per line in the file <c>drills</c> of its directory, which is replaced as a whole.</summary>
internal sealed class DrillHistory
{
    /// <summary>Older drills are forgotten.</summary>
    internal const int Capacity = 50;

    private readonly string _path;

    /// <param name="directory">Exists.</param>
    internal DrillHistory(string directory) => _path = Path.Combine(directory, "drills");

    /// <summary>The drills that are kept, the oldest first. Lines that are no report are left out.</summary>
    internal IReadOnlyList<DrillReport> Read() => [.. Lines().Select(Parse).OfType<DrillReport>()];

    /// <summary>Keeps one more.</summary>
    internal void Add(DrillReport report)
    {
        IEnumerable<string> lines = Lines().Append(JsonSerializer.Serialize(report, DrillJson.Default.DrillReport)).TakeLast(Capacity);
        AtomicFile.Write(_path, Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private string[] Lines() => File.Exists(_path) ? [.. File.ReadAllLines(_path).Where(static line => line.Length > 0)] : [];

    private static DrillReport? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, DrillJson.Default.DrillReport);
        }
        catch (JsonException)
        {
            return null; // of another version of the program
        }
    }
}

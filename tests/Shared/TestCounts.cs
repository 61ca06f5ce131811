using System.Globalization;

namespace Appliance.Tests.Shared;

/// <summary>Repetitions of the long tests, from tests/counts.conf: few in <c>make test</c>, the full number in <c>make soak</c>.</summary>
public static class TestCounts
{
    private static readonly Dictionary<string, long> Counts = Load();

    /// <summary>The full counts are asked for.</summary>
    public static bool IsSoak => Environment.GetEnvironmentVariable("APPLIANCE_TEST_PROFILE") == "soak";

    /// <summary>The count of a name in counts.conf.</summary>
    /// <exception cref="KeyNotFoundException">counts.conf does not name it.</exception>
    public static int Of(string name) => checked((int)(Counts.TryGetValue(name, out long count)
        ? count
        : throw new KeyNotFoundException($"tests/counts.conf has no '{name}'")));

    /// <summary>Notes how much a test really did; <c>make soak</c> prints it at its end.</summary>
    public static void Reached(string name, long count)
    {
        string? log = Environment.GetEnvironmentVariable("APPLIANCE_TEST_COUNTS_LOG");
        if (!string.IsNullOrEmpty(log)) File.AppendAllText(log, string.Create(CultureInfo.InvariantCulture, $"{name} {count}\n"));
    }

    private static Dictionary<string, long> Load()
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "counts.conf")))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length == 0 || columns[0].StartsWith('#')) continue;
            counts.Add(columns[0], Number(columns[IsSoak ? 2 : 1]));
        }
        foreach (string set in (Environment.GetEnvironmentVariable("APPLIANCE_TEST_COUNTS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = set.Split('=');
            counts[parts[0]] = Number(parts[1]);
        }
        return counts;
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}

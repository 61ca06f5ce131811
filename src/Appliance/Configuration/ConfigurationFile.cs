using System.Text;
using Microsoft.Extensions.Configuration.Ini;

namespace Appliance.Configuration;

/// <summary>One setting where it stands in the file.</summary>
/// <param name="Key">As spelt in the file.</param>
/// <param name="Value">The value as the INI provider reads it: trimmed, surrounding quotes removed.</param>
/// <param name="Line">Line number from 1.</param>
internal sealed record FileSetting(string Key, string Value, int Line);

/// <summary>One section where it stands in the file.</summary>
/// <param name="Kind">First word of the header: <c>service</c>.</param>
/// <param name="Name">What follows it; empty for a section without a name.</param>
/// <param name="Line">Line number of the header.</param>
/// <param name="Settings">In the order of the file.</param>
internal sealed record FileSection(string Kind, string Name, int Line, IReadOnlyList<FileSetting> Settings)
{
    /// <summary>The header as people write it.</summary>
    public string Header => Name.Length == 0 ? $"[{Kind}]" : $"[{Kind} {Name}]";
}

/// <summary>
/// A configuration file in sections, with the line of everything. Values come from Microsoft.Extensions.Configuration.Ini, which knows no lines and
/// stops at the first mistake; so the lines are indexed here and mistaken ones are withheld from it and reported together.
/// </summary>
internal sealed class ConfigurationFile
{
    /// <summary>Longest file that is read: a configuration is written by hand.</summary>
    internal const int MaxCharacters = 1 << 20;

    private readonly List<ConfigurationProblem> _problems = [];
    private readonly List<(string Kind, string Name, int Line, List<(string Key, int Line)> Keys)> _index = [];

    private ConfigurationFile(string path) => Path = path;

    /// <summary>The path under which problems are reported.</summary>
    internal string Path { get; }

    /// <summary>The sections in the order of the file; those given twice only once.</summary>
    internal IReadOnlyList<FileSection> Sections { get; private set; } = [];

    /// <summary>Lines that are neither section, setting nor comment, and what stands twice.</summary>
    internal IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <summary>Reads a text. Any text: what is wrong with it is in <see cref="Problems"/>.</summary>
    internal static ConfigurationFile Parse(string path, string text)
    {
        var file = new ConfigurationFile(path);
        if (text.Length > MaxCharacters)
        {
            file._problems.Add(new(path, 0, $"the file has {text.Length} characters; at most {MaxCharacters} are read"));
            return file;
        }
        string accepted = file.Index(text);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(accepted));
        IDictionary<string, string?> values = IniStreamConfigurationProvider.Read(stream);
        file.Sections = [.. file._index.Select(section => new FileSection(section.Kind, section.Name, section.Line,
            [.. section.Keys.Select(key => new FileSetting(key.Key, values[$"{HeaderText(section.Kind, section.Name)}:{key.Key}"] ?? "", key.Line))]))];
        return file;
    }

    /// <summary>Notes where everything stands and returns the lines that are well formed.</summary>
    private string Index(string text)
    {
        var accepted = new StringBuilder(text.Length);
        List<(string Key, int Line)>? keys = null;
        bool skipped = false; // inside a section whose header is wrong: its settings belong nowhere, and one message is enough
        int number = 0;
        foreach (ReadOnlySpan<char> raw in text.AsSpan().EnumerateLines())
        {
            number++;
            ReadOnlySpan<char> line = raw.Trim();
            if (line.IsEmpty || line[0] is ';' or '#' or '/') continue;
            if (line[0] == '[')
            {
                keys = OpenSection(line, number);
                skipped = keys is null;
                if (keys is not null) accepted.Append('[').Append(HeaderText(_index[^1].Kind, _index[^1].Name)).Append("]\n");
            }
            else if (!skipped && TryIndexSetting(line, number, keys))
            {
                accepted.Append(line).Append('\n');
            }
        }
        return accepted.ToString();
    }

    private List<(string Key, int Line)>? OpenSection(ReadOnlySpan<char> line, int number)
    {
        if (line[^1] != ']')
        {
            Report(number, $"'{Shorten(line)}' is no section header: it must end with ']'");
            return null;
        }
        string[] words = line[1..^1].ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is 0 or > 2 || words.Any(static word => !IsWord(word)))
        {
            Report(number, $"'{Shorten(line)}' is no section header: write [kind] or [kind name], for example [service shop]");
            return null;
        }
        string kind = words[0], name = words.Length == 2 ? words[1] : "";
        int first = _index.FindIndex(section => SameWord(section.Kind, kind) && SameWord(section.Name, name));
        if (first >= 0)
        {
            Report(number, $"section {Shorten(line)} stands here a second time; the first is in line {_index[first].Line}");
            return null;
        }
        List<(string Key, int Line)> keys = [];
        _index.Add((kind, name, number, keys));
        return keys;
    }

    private bool TryIndexSetting(ReadOnlySpan<char> line, int number, List<(string Key, int Line)>? keys)
    {
        int equals = line.IndexOf('=');
        if (equals <= 0)
        {
            Report(number, $"'{Shorten(line)}' is neither a [section], a 'key = value' nor a comment (; or #)");
            return false;
        }
        string key = line[..equals].TrimEnd().ToString();
        if (keys is null)
        {
            Report(number, $"'{Shorten(key)}' stands before the first section");
            return false;
        }
        if (!IsWord(key))
        {
            Report(number, $"'{Shorten(key)}' is no key: keys have letters, digits and '-' only");
            return false;
        }
        int first = keys.FindIndex(known => SameWord(known.Key, key));
        if (first >= 0)
        {
            Report(number, $"'{Shorten(key)}' is set a second time; the first is in line {keys[first].Line}");
            return false;
        }
        keys.Add((key, number));
        return true;
    }

    private void Report(int line, string message) => _problems.Add(new(Path, line, message));

    private static string HeaderText(string kind, string name) => name.Length == 0 ? kind : $"{kind} {name}";

    // The INI provider compares so; two keys that differ in case only would collide there.
    private static bool SameWord(string left, string right) => left.Equals(right, StringComparison.OrdinalIgnoreCase);

    private static bool IsWord(string text) => text.Length <= 64 && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    // A line may hold a secret that was meant for another file, and may be very long.
    private static string Shorten(ReadOnlySpan<char> text) => text.Length <= 32 ? text.ToString() : $"{text[..32]}...";
}

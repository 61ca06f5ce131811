namespace Appliance.Configuration;

/// <summary>A program and its arguments, separated by spaces; no shell reads them, so there are no quotes and no variables. Empty: nothing is run.</summary>
public sealed record CommandLine
{
    /// <summary>Nothing.</summary>
    public static readonly CommandLine None = new();

    /// <summary>The program's absolute path, then its arguments; empty for nothing.</summary>
    public IReadOnlyList<string> Words { get; private init; } = [];

    /// <summary>Nothing is run.</summary>
    public bool IsEmpty => Words.Count == 0;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out CommandLine command)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] words = text.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        command = new CommandLine { Words = words };
        return words.Length == 0 || words[0].StartsWith('/'); // a search path is chance
    }

    /// <inheritdoc/>
    public bool Equals(CommandLine? other) => other is not null && Words.SequenceEqual(other.Words);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', Words);
}

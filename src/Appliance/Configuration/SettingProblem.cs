namespace Appliance.Configuration;

/// <summary>What an options record finds wrong with one of its settings; the loader adds file and line.</summary>
/// <param name="Key">The setting as the file spells it.</param>
/// <param name="Message">What is wrong and what would be right.</param>
internal readonly record struct SettingProblem(string Key, string Message);

/// <summary>Something wrong in a configuration file.</summary>
/// <param name="File">The file's path.</param>
/// <param name="Line">Line number from 1; 0 when the problem is what the file does not say.</param>
/// <param name="Message">What is wrong and what would be right.</param>
internal sealed record ConfigurationProblem(string File, int Line, string Message)
{
    /// <summary>As compilers write it, so that editors can jump to the line.</summary>
    public override string ToString() => Line > 0 ? $"{File}:{Line}: {Message}" : $"{File}: {Message}";
}

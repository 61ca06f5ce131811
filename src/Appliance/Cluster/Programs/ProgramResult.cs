namespace Appliance.Cluster.Programs;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Null when it was killed at its deadline or could not be started.</param>
/// <param name="Text">What it said first on its output, at most a line; or why it has no exit code.</param>
internal readonly record struct ProgramResult(int? ExitCode, string Text)
{
    /// <summary>It ended with 0.</summary>
    public bool IsGood => ExitCode == 0;

    /// <summary>For logs and status.</summary>
    public override string ToString() => ExitCode is { } code ? Text.Length == 0 ? $"it ended with {code}" : $"it ended with {code}: {Text}" : Text;
}

using System.Text.RegularExpressions;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Repository;

/// <summary>Habits of the project that no compiler checks.</summary>
public sealed partial class The_tree
{
    private const int LongestFileLines = 500;

    // Words that must not stand in the sources are put together here, so that this file may stand there itself.
    private static readonly string[] Unfinished = ["TO" + "DO", "FIX" + "ME", "HA" + "CK", "NotImplemented" + "Exception"];

    private static readonly string[] Files = [.. Directory.EnumerateFiles(RepositoryRoot.Path, "*", SearchOption.AllDirectories)
        .Select(static path => Path.GetRelativePath(RepositoryRoot.Path, path))
        .Where(static path => !path.Split('/').Any(static part => part is "bin" or "obj" or "out" or ".git" or "TestResults" or "BenchmarkDotNet.Artifacts"))];

    private static IEnumerable<string> Sources => Files.Where(static path => path.EndsWith(".cs", StringComparison.Ordinal));

    private static IEnumerable<string> Texts => Files.Where(static path => Path.GetExtension(path) is ".cs" or ".csproj" or ".props" or ".md" or ".conf" or ".sh" or ".sln" or ".json" or "" && !path.Contains("/corpus/", StringComparison.Ordinal));

    [Fact]
    public void Is_found() => Assert.Contains("src/Appliance/Program.cs", Files);

    [Fact]
    public void Has_no_file_that_wants_to_be_two() =>
        AssertNone(Sources.Where(static path => File.ReadLines(RepositoryRoot.File(path)).Count() > LongestFileLines));

    [Fact]
    public void Has_nothing_unfinished() =>
        AssertNone(Texts.Where(static path => Unfinished.Any(word => Read(path).Contains(word, StringComparison.Ordinal))));

    [Fact]
    public void Names_no_path_of_one_machine() =>
        AssertNone(Texts.Where(static path => MachinePath().IsMatch(Read(path))));

    [Fact]
    public void Declares_native_functions_in_folders_Interop_only() =>
        AssertNone(Sources.Where(static path => path.StartsWith("src/", StringComparison.Ordinal) && !path.Contains("/Interop/", StringComparison.Ordinal) && NativeFunction().IsMatch(Read(path))));

    [Fact]
    public void Ends_every_file_with_one_newline_and_uses_no_tabs() =>
        AssertNone(Sources.Where(static path => !Read(path).EndsWith('\n') || Read(path).EndsWith("\n\n", StringComparison.Ordinal) || Read(path).Contains('\t')));

    [Fact]
    public void Repeats_its_long_tests_as_often_as_counts_conf_says_and_reports_how_often_that_was()
    {
        string tests = string.Concat(Sources.Where(static path => path.StartsWith("tests/", StringComparison.Ordinal)).Select(Read));
        string[] names = [.. File.ReadLines(RepositoryRoot.File("tests/counts.conf")).Where(static line => line.Length > 0 && line[0] != '#').Select(static line => line.Split(' ')[0])];
        Assert.NotEmpty(names);
        AssertNone(names.Where(name => !tests.Contains($"Of(\"{name}\")", StringComparison.Ordinal) || !tests.Contains($"Reached(\"{name}", StringComparison.Ordinal)));
    }

    [Fact]
    public void Refers_to_documents_that_exist()
    {
        var missing = from path in Texts
                      from Match match in DocumentReference().Matches(Read(path))
                      where !File.Exists(RepositoryRoot.File(match.Value)) && !Directory.EnumerateFiles(RepositoryRoot.File("docs/decisions")).Any(file => file.Contains(match.Value, StringComparison.Ordinal))
                      select $"{path}: {match.Value}";
        AssertNone(missing);
    }

    private static void AssertNone(IEnumerable<string> offenders) => Assert.Equal("", string.Join('\n', offenders));

    private static string Read(string path) => File.ReadAllText(RepositoryRoot.File(path));

    [GeneratedRegex(@"(?<![\w./-])/(home|work|root|Users)/\w")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\(")]
    private static partial Regex NativeFunction();

    [GeneratedRegex(@"docs/(decisions/\d{4}[\w-]*|[\w-]+\.md)")]
    private static partial Regex DocumentReference();
}

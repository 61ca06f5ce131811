using System.Text.RegularExpressions;

namespace Appliance.Tests.Shared;

/// <summary>A document's numbered rules, the code that cites them and the tests that hold it to them stay together.</summary>
public static class RuleCoverage
{
    /// <summary>Fails unless every rule of the document is defined once and cited by a test, and every citation names a rule.</summary>
    /// <param name="document">Defines a rule by a line that begins with <c>- **X-12**</c>.</param>
    /// <param name="letter">That the numbers of its rules begin with.</param>
    /// <param name="sources">The folder of the code that keeps the rules.</param>
    /// <param name="tests">The folder of the tests of that code.</param>
    public static void IsWhole(string document, char letter, string sources, string tests)
    {
        string rule = letter + @"-\d{2,3}";
        var rules = Regex.Matches(File.ReadAllText(RepositoryRoot.File(document)), $@"^- \*\*({rule})\*\*", RegexOptions.Multiline).Select(static match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(rules);
        Assert.Equal(rules.Count, rules.Distinct().Count());
        var citation = new Regex($@"\b{rule}\b");
        HashSet<string> tested = Cited(tests, citation), cited = Cited(sources, citation);

        Assert.Empty(rules.Except(tested));
        Assert.Empty(tested.Union(cited).Except(rules));
    }

    private static HashSet<string> Cited(string folder, Regex citation) =>
        [.. Directory.EnumerateFiles(RepositoryRoot.File(folder), "*.cs", SearchOption.AllDirectories)
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => citation.Matches(File.ReadAllText(file)).Select(static match => match.Value))];
}

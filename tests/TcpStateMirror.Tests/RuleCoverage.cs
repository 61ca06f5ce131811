using System.Text.RegularExpressions;
using Appliance.Tests.Shared;

namespace Appliance.Tests.TcpStateMirror;

/// <summary>docs/capture.md, code and tests stay together.</summary>
public sealed partial class RuleCoverage
{
    [Fact]
    public void Every_rule_of_the_document_has_a_test_and_every_citation_a_rule()
    {
        var rules = DefinedRule().Matches(File.ReadAllText(RepositoryRoot.File("docs/capture.md"))).Select(static match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(rules);
        Assert.Equal(rules.Count, rules.Distinct().Count());
        HashSet<string> tested = Cited("tests/TcpStateMirror.Tests"), cited = Cited("src/TcpStateMirror");

        Assert.Empty(rules.Except(tested));
        Assert.Empty(tested.Union(cited).Except(rules));
    }

    private static HashSet<string> Cited(string folder)
    {
        var cited = new HashSet<string>();
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.File(folder), "*.cs", SearchOption.AllDirectories))
        {
            if (file.Contains("/obj/", StringComparison.Ordinal) || file.EndsWith("RuleCoverage.cs", StringComparison.Ordinal)) continue;
            foreach (Match match in CitedRule().Matches(File.ReadAllText(file))) cited.Add(match.Value);
        }
        return cited;
    }

    [GeneratedRegex(@"^- \*\*(C-\d{2})\*\*", RegexOptions.Multiline)]
    private static partial Regex DefinedRule();

    [GeneratedRegex(@"\bC-\d{2}\b")]
    private static partial Regex CitedRule();
}

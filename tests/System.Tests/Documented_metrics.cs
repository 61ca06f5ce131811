using System.Text.RegularExpressions;
using Appliance.Tests.Shared;
using Appliance.Tests.Shared.Laboratories;

namespace Appliance.Tests.Systems;

/// <summary>Whoever builds a dashboard reads docs/operations.md: it names what there is, and nothing else.</summary>
public sealed partial class Documented_metrics
{
    [RootFact]
    public void Every_metric_is_documented_and_every_documented_metric_exists()
    {
        using Laboratory lab = Laboratory.Up(3, Laboratory.Patient);
        SortedSet<string> shown = [.. lab.Primary.Metrics().Split('\n').Select(static line => Declaration().Match(line)).Where(static match => match.Success).Select(static match => match.Groups[1].Value)];
        string documentation = File.ReadAllText(RepositoryRoot.File("docs/operations.md"));
        SortedSet<string> documented = [.. Name().Matches(documentation).Select(static match => match.Groups[1].Value)];

        Assert.True(shown.Count > 100, $"only {shown.Count} metrics");
        Assert.Equal("", string.Join(' ', shown.Where(name => !documented.Any(pattern => Matches(pattern, name)))));
        Assert.Equal("", string.Join(' ', documented.Where(pattern => !shown.Any(name => Matches(pattern, name)))));
    }

    // A family of counters may stand as one name with a star.
    private static bool Matches(string pattern, string name) => Regex.IsMatch(name, $"^{pattern.Replace("*", "[a-z0-9_]+", StringComparison.Ordinal)}$");

    [GeneratedRegex("^# TYPE ([a-z0-9_]+) ")]
    private static partial Regex Declaration();

    [GeneratedRegex("`(appliance_[a-z0-9_*]+)[`{ ]")]
    private static partial Regex Name();
}

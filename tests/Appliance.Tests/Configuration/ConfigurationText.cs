using Appliance.Configuration;

namespace Appliance.Tests.Configuration;

/// <summary>Configuration texts for tests: a valid one that a test changes.</summary>
internal static class ConfigurationText
{
    internal const string Valid = """
        [node]
        id = a
        [group]
        members = a=10.77.0.1 b=10.77.0.2 c=10.77.0.3
        [service shop]
        addresses = 10.0.0.10
        [listener state]
        service = shop
        """;

    internal static ApplianceConfiguration Load(string text)
    {
        LoadResult result = ConfigurationLoader.Parse("test.conf", text);
        Assert.Equal([], result.Problems.Select(static problem => problem.ToString()));
        return result.Configuration!;
    }

    internal static string[] Problems(string text)
    {
        LoadResult result = ConfigurationLoader.Parse("test.conf", text);
        Assert.Null(result.Configuration);
        return [.. result.Problems.Select(static problem => problem.ToString())];
    }
}

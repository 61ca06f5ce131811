using System.Text;
using Appliance.Configuration;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Configuration;

/// <summary>Issue 2, must hold 8: whatever is in the file, loading it ends with a configuration or with problems, never with an exception.</summary>
public sealed class Any_bytes_as_a_configuration
{
    private static readonly string Shipped = File.ReadAllText(RepositoryRoot.File("appliance.conf"));

    [Fact]
    public void Every_prefix_of_the_shipped_file_is_loaded_or_refused()
    {
        for (int length = 0; length <= Shipped.Length; length++) AssertDecided(Shipped[..length]);
    }

    [Fact]
    public void Mutated_files_are_loaded_or_refused()
    {
        int count = TestCounts.Of("configuration.mutations");
        for (int seed = 0; seed < count; seed++)
        {
            string text = Mutate(seed);
            try
            {
                AssertDecided(text);
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed}: {error}\n{text}");
            }
        }
        TestCounts.Reached("configuration.mutations", count);
    }

    [Fact]
    public void A_huge_file_is_refused_unread() =>
        Assert.Contains("at most", Assert.Single(ConfigurationLoader.Parse("test.conf", new string('x', ConfigurationFile.MaxCharacters + 1)).Problems, static problem => problem.Message.Contains("characters", StringComparison.Ordinal)).Message, StringComparison.Ordinal);

    [Fact]
    public void Bytes_that_are_no_text_are_refused()
    {
        using var file = new TemporaryDirectory();
        string path = file.File("bad.conf");
        File.WriteAllBytes(path, [0x5B, 0xFF, 0xFE, 0xC0]);

        LoadResult result = ConfigurationLoader.Load(path);

        Assert.Contains("cannot be read", Assert.Single(result.Problems).Message, StringComparison.Ordinal);
    }

    private static void AssertDecided(string text)
    {
        LoadResult result = ConfigurationLoader.Parse("test.conf", text);
        Assert.True(result.Configuration is null == result.Problems.Count > 0);
        foreach (ConfigurationProblem problem in result.Problems) Assert.InRange(problem.ToString().Length, 1, 2000);
    }

    private static string Mutate(int seed)
    {
        const string alphabet = "[]=;#/:.,\"' \n\r\t0129abzKMGiBms-\0\u00e9\ud800";
        var random = new Random(seed);
        // A part of the file: mutations then meet more often, and a run is short.
        int from = random.Next(Shipped.Length);
        var text = new StringBuilder(random.Next(4) == 0 ? ConfigurationText.Valid : Shipped.Substring(from, random.Next(Math.Min(800, Shipped.Length - from) + 1)));
        for (int i = random.Next(1, 12); i > 0; i--)
        {
            int at = random.Next(text.Length + 1);
            switch (random.Next(5))
            {
                case 0: text.Insert(at, alphabet[random.Next(alphabet.Length)]); break;
                case 1 when at < text.Length: text.Remove(at, 1); break;
                case 2 when at < text.Length: text[at] = alphabet[random.Next(alphabet.Length)]; break;
                case 3: text.Insert(at, text.ToString(0, Math.Min(text.Length, random.Next(40)))); break;
                case 4: text.Insert(at, new string('9', random.Next(30))); break;
            }
        }
        return text.ToString();
    }
}

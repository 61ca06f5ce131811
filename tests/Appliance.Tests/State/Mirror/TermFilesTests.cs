using Appliance.State;

namespace Appliance.Tests.Appliance.State.Mirror;

/// <summary>Terms on disk.</summary>
public sealed class TermFilesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("appliance-terms-").FullName;

    [Fact]
    public void A_term_is_read_back_and_absence_is_zero()
    {
        var terms = new TermFiles(_directory, Assert.Fail);
        Assert.Equal(0UL, terms.ReadTerm("demo"));
        terms.WriteTerm("demo", 7);
        terms.WriteTerm("other", 9);
        terms.WriteTerm("demo", 8);
        Assert.Equal(8UL, new TermFiles(_directory, Assert.Fail).ReadTerm("demo"));
        Assert.Equal(["term-demo", "term-other"], Directory.GetFiles(_directory).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("seven\n")]
    [InlineData("-1\n")]
    [InlineData("99999999999\n")]
    public void A_damaged_file_stops_the_start_with_a_sentence(string content)
    {
        File.WriteAllText(Path.Combine(_directory, "term-demo"), content);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => new TermFiles(_directory, Assert.Fail).ReadTerm("demo"));
        Assert.Contains("term-demo", error.Message);
        Assert.Contains("service 'demo'", error.Message);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}

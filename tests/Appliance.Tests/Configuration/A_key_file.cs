using Appliance.Configuration;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Configuration;

public sealed class A_key_file : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Comes_back_as_it_was_saved_and_only_its_owner_can_read_it()
    {
        string path = _directory.File("group.key");
        KeyFile made = KeyFile.Generate(1).WithNewKey();

        made.Save(path);

        (KeyFile? loaded, string? problem) = KeyFile.Load(path);
        Assert.Null(problem);
        Assert.Equal(made.Keys.Select(static key => Convert.ToHexString(key.Bytes.Span)), loaded!.Keys.Select(static key => Convert.ToHexString(key.Bytes.Span)));
        Assert.True(made.HashSeed.Span.SequenceEqual(loaded.HashSeed.Span));
        Assert.Equal(KeyFile.Mode, File.GetUnixFileMode(path));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead), InlineData(UnixFileMode.OtherRead), InlineData(UnixFileMode.OtherWrite)]
    public void Is_refused_when_others_may_use_it(UnixFileMode forOthers)
    {
        string path = _directory.File("group.key");
        KeyFile.Generate(1).Save(path);
        File.SetUnixFileMode(path, KeyFile.Mode | forOthers);

        Assert.Contains("chmod 600", KeyFile.Load(path).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotates_in_three_steps()
    {
        KeyFile first = KeyFile.Generate(1);

        KeyFile added = first.WithNewKey();
        KeyFile promoted = added.WithLastPromoted();
        KeyFile retired = promoted.WithFirstOnly();

        Assert.Equal([1, 2], added.Keys.Select(static key => (int)key.Id));
        Assert.Equal([2, 1], promoted.Keys.Select(static key => (int)key.Id));
        Assert.Equal([2], retired.Keys.Select(static key => (int)key.Id));
        Assert.True(first.HashSeed.Span.SequenceEqual(retired.HashSeed.Span));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    [InlineData("1\n")]
    [InlineData("0 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    [InlineData("65536 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    [InlineData("1 00112233445566778899aabbccddeeff00112233445566778899aabbccddee\n")]
    [InlineData("1 zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    [InlineData("1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff more\n")]
    [InlineData("1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")] // no seed
    [InlineData("seed 00112233445566778899aabbccddeeff\n")]
    [InlineData("seed 0011\n1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    [InlineData("seed 00112233445566778899aabbccddeeff\nseed 00112233445566778899aabbccddeeff\n1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    [InlineData("seed 00112233445566778899aabbccddeeff\n1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n1 ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")]
    public void Is_refused_when_malformed_and_the_message_quotes_no_secret(string text)
    {
        (KeyFile? file, string? problem) = KeyFile.Parse("group.key", text);

        Assert.Null(file);
        Assert.DoesNotContain("112233445566", problem, StringComparison.Ordinal);
    }
}

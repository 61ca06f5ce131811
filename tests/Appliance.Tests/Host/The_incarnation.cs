using Appliance.Host;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Host;

public sealed class The_incarnation : IDisposable
{
    private const long Now = 1_700_000_000_000;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Grows_with_every_life_also_when_the_clock_was_turned_back()
    {
        ulong first = Live(Now), second = Live(Now), third = Live(Now - 1_000_000), fourth = Live(Now + 5);

        Assert.Equal([(ulong)Now, (ulong)Now + 1, (ulong)Now + 2], [first, second, third]);
        Assert.True(fourth > third);
    }

    [Fact]
    public void Grows_also_when_the_directory_was_lost()
    {
        ulong before = Live(Now);
        Directory.Delete(_directory.File("state"), recursive: true);

        Assert.True(Live(Now + 1) > before);
    }

    [Fact]
    public void Is_not_guessed_when_somebody_wrote_something_else()
    {
        Live(Now);
        File.WriteAllText(Path.Combine(_directory.File("state"), "incarnation"), "yesterday\n");

        Assert.Throws<InvalidDataException>(() => Live(Now));
    }

    [Fact]
    public void Belongs_to_one_process_at_a_time()
    {
        using StateDirectory held = StateDirectory.Open(_directory.File("state"));

        Assert.Contains("in use", Assert.Throws<IOException>(() => StateDirectory.Open(_directory.File("state"))).Message, StringComparison.Ordinal);
    }

    private ulong Live(long wallMilliseconds)
    {
        using StateDirectory state = StateDirectory.Open(_directory.File("state"));
        return state.NextIncarnation(wallMilliseconds);
    }
}

using System.Text;
using Appliance.Configuration;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Appliance.Configuration;

public sealed class A_password_file : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Holds_its_password_in_the_first_line()
    {
        (byte[]? password, string? problem) = PasswordFile.Load(Write("gehéim\nanother line\n", OwnerOnly));
        Assert.Null(problem);
        Assert.Equal(Encoding.UTF8.GetBytes("gehéim"), password);
    }

    [Theory]
    [InlineData(0), InlineData(PasswordFile.MaxBytes + 1)]
    public void With_no_password_or_a_longer_one_than_can_be_is_refused_without_quoting_it(int length)
    {
        (byte[]? password, string? problem) = PasswordFile.Load(Write(new string('x', length), OwnerOnly));
        Assert.Null(password);
        Assert.Contains("1 to 512 bytes", problem!, StringComparison.Ordinal);
        Assert.DoesNotContain("xxx", problem!, StringComparison.Ordinal);
    }

    [Fact]
    public void That_others_may_read_is_refused()
    {
        (byte[]? password, string? problem) = PasswordFile.Load(Write("secret", OwnerOnly | UnixFileMode.GroupRead));
        Assert.Null(password);
        Assert.Contains("chmod 600", problem!, StringComparison.Ordinal);
    }

    [Fact]
    public void That_is_not_there_is_refused() => Assert.Contains("cannot be read", PasswordFile.Load(_directory.File("absent")).Problem!, StringComparison.Ordinal);

    private string Write(string text, UnixFileMode mode)
    {
        string path = _directory.File("password");
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, mode);
        return path;
    }
}

using System.Text;
using Appliance.Configuration;
using Appliance.Tests.Shared;

namespace Appliance.Tests.Configuration;

[Trait("Demand", "A7")]
public sealed class Credentials_files
{
    // RFC 7914, 12: N = 16384, r = 8, p = 1.
    private const string Vector = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887";

    [Fact]
    public void Hold_passwords_as_scrypt_leaves_them()
    {
        PasswordHash hash = PasswordHash.TryParse($"$scrypt$ln=14,r=8,p=1${Base64("SodiumChloride"u8.ToArray())}${Base64(Convert.FromHexString(Vector))}")!;

        Assert.True(hash.Matches("pleaseletmein"u8));
        Assert.False(hash.Matches("pleaseletmeiN"u8));
        Assert.False(hash.Matches(""u8));
    }

    [Fact]
    public void Are_read_as_they_are_made()
    {
        using var directory = new TemporaryDirectory();
        PasswordHash made = PasswordHash.Of("secret"u8);
        string path = Write(directory, $"# users\n\n{Credentials.LineOf("alice", made)}\n{Credentials.LineOfToken("robot", "token-1")}\n{Credentials.LineOfToken("robot", "token-2")}\n");

        Credentials credentials = Credentials.Load(path);

        Assert.True(credentials.PasswordOf("alice")!.Matches("secret"u8));
        Assert.Null(credentials.PasswordOf("Alice"));
        Assert.Equal(("robot", "robot", null), (credentials.OwnerOf("token-1"u8), credentials.OwnerOf("token-2"u8), credentials.OwnerOf("token-3"u8)));
        Assert.NotEqual(made.ToString(), PasswordHash.Of("secret"u8).ToString()); // another salt
    }

    [Theory]
    [InlineData("alice", "is not NAME:HASH")]
    [InlineData("a b:$sha256$00", "printable ASCII")]
    [InlineData("alice:$sha256$00", "64 digits")]
    [InlineData("alice:secret", "'appliance credential'")]
    [InlineData("alice:$scrypt$ln=13,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "'appliance credential'")] // cheaper than 2^14
    [InlineData("alice:$scrypt$ln=21,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "'appliance credential'")] // 2 GiB
    [InlineData("alice:$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$*", "'appliance credential'")]
    public void Say_which_line_cannot_be_used(string line, string reason)
    {
        using var directory = new TemporaryDirectory();
        string path = Write(directory, $"# first\n{line}\n");

        string message = Assert.Throws<InvalidDataException>(() => Credentials.Load(path)).Message;

        Assert.Contains("line 2", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Fact]
    public void May_not_be_read_by_everybody()
    {
        using var directory = new TemporaryDirectory();
        string path = Write(directory, "");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        Assert.Contains("chmod 600", Assert.Throws<InvalidDataException>(() => Credentials.Load(path)).Message, StringComparison.Ordinal);
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static string Write(TemporaryDirectory directory, string text)
    {
        string path = directory.File("credentials");
        File.WriteAllText(path, text, Encoding.ASCII);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }
}

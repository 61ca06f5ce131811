using System.Text;

namespace Appliance.Configuration;

/// <summary>A file whose first line is a password, readable by its owner only.</summary>
internal static class PasswordFile
{
    /// <summary>Longest password in bytes.</summary>
    internal const int MaxBytes = 512;

    /// <summary>Reads the password.</summary>
    /// <returns>The password in UTF-8, or what is wrong. No message quotes it.</returns>
    internal static (byte[]? Password, string? Problem) Load(string path)
    {
        const UnixFileMode forOthers = ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            if ((File.GetUnixFileMode(path) & forOthers) != 0) return (null, $"{path} may be used by others than its owner: run 'chmod 600 {path}'");
            string line = File.ReadLines(path).FirstOrDefault() ?? "";
            byte[] password = Encoding.UTF8.GetBytes(line);
            if (password.Length is 0 or > MaxBytes) return (null, $"{path}: the first line must be a password of 1 to {MaxBytes} bytes");
            return (password, null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (null, $"{path} cannot be read: {error.Message}");
        }
    }
}

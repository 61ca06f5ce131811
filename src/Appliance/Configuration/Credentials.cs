using System.Security.Cryptography;
using System.Text;

namespace Appliance.Configuration;

/// <summary>
/// Who may log in: a file with one <c>NAME:HASH</c> a line, made by <c>appliance credential</c>. The hash of a password is that of <see cref="PasswordHash"/>; that of a token
/// <c>$sha256$HEX</c>, for a token is as random as a key and needs no slow hash. Immutable; any thread.
/// </summary>
internal sealed class Credentials
{
    /// <summary>Longest name.</summary>
    internal const int MaxNameBytes = 64;

    private const int MaxLines = 100_000;
    private const string TokenMark = "$sha256$";
    private readonly Dictionary<string, PasswordHash> _passwords = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PasswordHash>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _byToken;

    private Credentials()
    {
        _byName = _passwords.GetAlternateLookup<ReadOnlySpan<char>>();
        _byToken = _tokens.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It cannot be used; the message says where and why, and quotes no hash.</exception>
    internal static Credentials Load(string path)
    {
        try
        {
            if ((File.GetUnixFileMode(path) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.GroupWrite)) != 0)
                throw new InvalidDataException($"{path} holds hashes of passwords and may be used by everybody: run 'chmod 600 {path}'");
            var credentials = new Credentials();
            int number = 0;
            foreach (string line in File.ReadLines(path))
            {
                if (++number > MaxLines) throw new InvalidDataException($"{path} has more than {MaxLines} lines");
                if (line.Length > 0 && line[0] != '#' && credentials.Add(line) is { } problem) throw new InvalidDataException($"{path}, line {number}: {problem}");
            }
            return credentials;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>A line of the file.</summary>
    internal static string LineOf(string name, PasswordHash password) => $"{name}:{password}";

    /// <summary>A line of the file for a token.</summary>
    internal static string LineOfToken(string name, string token) => $"{name}:{TokenMark}{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token)))}";

    /// <summary>Whether a name may stand in the file and in a field of HTTP.</summary>
    internal static bool IsName(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MaxNameBytes) return false;
        foreach (char letter in name)
        {
            if (letter is <= ' ' or > '~' or ':' or ',' or '"') return false;
        }
        return true;
    }

    /// <summary>The hash of a user's password; null when there is no such user with a password.</summary>
    internal PasswordHash? PasswordOf(ReadOnlySpan<char> name) => _byName.TryGetValue(name, out PasswordHash? hash) ? hash : null;

    /// <summary>Whose token it is; null for nobody's.</summary>
    internal string? OwnerOf(ReadOnlySpan<byte> token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Span<char> hex = stackalloc char[2 * SHA256.HashSizeInBytes];
        SHA256.HashData(token, hash);
        Convert.TryToHexStringLower(hash, hex, out _);
        return _byToken.TryGetValue(hex, out string? name) ? name : null; // who could measure this would learn of a hash, not of a token
    }

    // What is wrong with the line.
    private string? Add(string line)
    {
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return "is not NAME:HASH";
        string name = line[..colon], hash = line[(colon + 1)..];
        if (!IsName(name)) return $"a name has 1 to {MaxNameBytes} printable ASCII characters without space, comma, colon and quote";
        if (hash.StartsWith(TokenMark, StringComparison.Ordinal))
        {
            string hex = hash[TokenMark.Length..];
            if (hex.Length != 2 * SHA256.HashSizeInBytes || hex.Any(static digit => !char.IsAsciiHexDigitLower(digit))) return $"{TokenMark} is followed by 64 digits 0-9a-f";
            return _tokens.TryAdd(hex, name) ? null : "stands there twice";
        }
        return PasswordHash.TryParse(hash) is not { } password ? "the hash is none that 'appliance credential' makes"
            : _passwords.TryAdd(name, password) ? null : $"{name} has a password already";
    }
}

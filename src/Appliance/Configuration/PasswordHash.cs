using System.Globalization;
using System.Security.Cryptography;
using Appliance.Interop;

namespace Appliance.Configuration;

/// <summary>A password as scrypt (RFC 7914) leaves it: <c>$scrypt$ln=15,r=8,p=3$SALT$HASH</c>, salt and hash in Base64 without padding. Immutable; any thread.</summary>
internal sealed class PasswordHash
{
    /// <summary>Longest password in bytes.</summary>
    internal const int MaxPasswordBytes = 512;

    private const int SaltBytes = 16, HashBytes = 32;
    private const int LogCost = 15, BlockSize = 8, Parallel = 3; // 32 MiB, some 0.2 s
    private const int MaxMemoryMebibytes = 256;                  // 128 r N: a file must not make a node swap
    private readonly int _logCost;
    private readonly int _blockSize;
    private readonly int _parallel;
    private readonly byte[] _salt;
    private readonly byte[] _hash;

    private PasswordHash(int logCost, int blockSize, int parallel, byte[] salt, byte[] hash)
    {
        _logCost = logCost;
        _blockSize = blockSize;
        _parallel = parallel;
        _salt = salt;
        _hash = hash;
    }

    /// <summary>The hash of a password, under a salt of its own.</summary>
    /// <exception cref="OpenSslException">OpenSSL cannot (memory).</exception>
    internal static PasswordHash Of(ReadOnlySpan<byte> password)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(SaltBytes), hash = new byte[HashBytes];
        Derive(password, LogCost, BlockSize, Parallel, salt, hash);
        return new PasswordHash(LogCost, BlockSize, Parallel, salt, hash);
    }

    /// <summary>Reads what <see cref="ToString"/> writes, with other costs too.</summary>
    /// <returns>Null when it is malformed, or its costs are below 2^14 or above 256 MiB or ten rounds.</returns>
    internal static PasswordHash? TryParse(string text)
    {
        string[] parts = text.Split('$');
        if (parts is not ["", "scrypt", _, _, _]) return null;
        string[] costs = parts[2].Split(',');
        if (costs.Length != 3 || !TryRead(costs[0], "ln=", 14, 21, out int logCost) || !TryRead(costs[1], "r=", 1, 32, out int blockSize) || !TryRead(costs[2], "p=", 1, 10, out int parallel)) return null;
        if (((long)blockSize << logCost + 7) > (long)MaxMemoryMebibytes << 20) return null;
        return TryDecode(parts[3], 8, 64, out byte[] salt) && TryDecode(parts[4], 16, 64, out byte[] hash) ? new PasswordHash(logCost, blockSize, parallel, salt, hash) : null;
    }

    /// <summary>Whether a password is the one. Takes some 0.2 s of a processor, by intent; never on a loop.</summary>
    /// <exception cref="OpenSslException">OpenSSL cannot (memory).</exception>
    internal bool Matches(ReadOnlySpan<byte> password)
    {
        Span<byte> derived = stackalloc byte[64];
        derived = derived[.._hash.Length];
        Derive(password, _logCost, _blockSize, _parallel, _salt, derived);
        return CryptographicOperations.FixedTimeEquals(derived, _hash);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"$scrypt$ln={_logCost},r={_blockSize},p={_parallel}${Convert.ToBase64String(_salt).TrimEnd('=')}${Convert.ToBase64String(_hash).TrimEnd('=')}");

    private static unsafe void Derive(ReadOnlySpan<byte> password, int logCost, int blockSize, int parallel, ReadOnlySpan<byte> salt, Span<byte> hash)
    {
        fixed (byte* start = password, saltStart = salt, hashStart = hash)
        {
            byte none = 0;
            if (OpenSsl.EVP_PBE_scrypt(start == null ? &none : start, (nuint)password.Length, saltStart, (nuint)salt.Length, 1UL << logCost, (ulong)blockSize, (ulong)parallel, (MaxMemoryMebibytes + 64UL) << 20, hashStart, (nuint)hash.Length) != 1)
                throw OpenSslException.Take("a password cannot be hashed");
        }
    }

    private static bool TryRead(string text, string name, int min, int max, out int value)
    {
        value = 0;
        return text.StartsWith(name, StringComparison.Ordinal) && int.TryParse(text.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;
    }

    private static bool TryDecode(string text, int min, int max, out byte[] bytes)
    {
        bytes = [];
        Span<byte> decoded = stackalloc byte[66];
        if (text.Length > 88 || !Convert.TryFromBase64String(text + new string('=', (4 - text.Length % 4) % 4), decoded, out int length) || length < min || length > max) return false;
        bytes = decoded[..length].ToArray();
        return true;
    }
}

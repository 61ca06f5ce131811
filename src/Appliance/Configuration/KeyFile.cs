using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Configuration;

/// <summary>
/// The group's keys in a file: one <c>ID HEX</c> per line, the id from 1 to 65535 and 64 hexadecimal digits; <c>#</c> begins a comment. The first key
/// seals, all of them open. A line <c>seed HEX</c> with 32 digits holds the group's hash seed, which stays when keys change. So a key is changed without a gap: add it on every node, then put it first on every node, then drop the old one (docs/operations.md).
/// </summary>
/// <param name="Keys">In the order of the file; at least one.</param>
/// <param name="HashSeed">Where BUZhash takes its words from, so that no stranger can make keys collide.</param>
internal sealed record KeyFile(IReadOnlyList<GroupKey> Keys, ReadOnlyMemory<byte> HashSeed)
{
    /// <summary>Bytes of a key: AES-256.</summary>
    internal const int KeyBytes = 32;

    /// <summary>Keys in one file at most: the old, the new, and two forgotten.</summary>
    internal const int MaxKeys = 4;

    /// <summary>The owner may read and write, nobody else anything.</summary>
    internal const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode ForOthers = ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    /// <summary>Reads a key file.</summary>
    /// <returns>The keys, or what is wrong: missing, readable by others, malformed. No message quotes a key.</returns>
    internal static (KeyFile? File, string? Problem) Load(string path)
    {
        try
        {
            if ((File.GetUnixFileMode(path) & ForOthers) != 0) return (null, $"{path} may be used by others than its owner: run 'chmod 600 {path}'");
            return Parse(path, File.ReadAllText(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (null, $"{path} cannot be read: {error.Message}");
        }
    }

    /// <summary>Reads the text of a key file.</summary>
    internal static (KeyFile? File, string? Problem) Parse(string path, string text)
    {
        var keys = new List<GroupKey>();
        byte[]? seed = null;
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words[0].StartsWith('#')) continue;
            if (words is ["seed", _])
            {
                if (seed is not null) return (null, $"{path}:{number}: the seed stands here a second time");
                seed = new byte[BuzHash.SeedBytes];
                if (!TryReadHex(words[1], seed)) return (null, $"{path}:{number}: the seed must have {2 * BuzHash.SeedBytes} hexadecimal digits");
                continue;
            }
            if (words.Length != 2 || !ushort.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort id) || id == 0)
                return (null, $"{path}:{number}: not a key: write its id (1 to 65535) and 64 hexadecimal digits");
            var bytes = new byte[KeyBytes];
            if (!TryReadHex(words[1], bytes)) return (null, $"{path}:{number}: key {id} must have 64 hexadecimal digits");
            if (keys.Any(key => key.Id == id)) return (null, $"{path}:{number}: key {id} stands here a second time");
            keys.Add(new GroupKey(id, bytes));
        }
        if (keys.Count == 0) return (null, $"{path} holds no key: make one with 'appliance keygen {path}'");
        if (keys.Count > MaxKeys) return (null, $"{path} holds {keys.Count} keys; at most {MaxKeys}: run 'appliance keygen --retire {path}'");
        if (seed is null) return (null, $"{path} holds no seed: it was not made by 'appliance keygen'");
        return (new KeyFile(keys, seed), null);
    }

    /// <summary>A file with one new key.</summary>
    internal static KeyFile Generate(ushort id) => new([NewKey(id)], RandomNumberGenerator.GetBytes(BuzHash.SeedBytes));

    /// <summary>A new key at the end: it opens and does not seal yet.</summary>
    internal KeyFile WithNewKey() => this with { Keys = [.. Keys, NewKey((ushort)((Keys.Max(static key => key.Id) % ushort.MaxValue) + 1))] };

    /// <summary>The last key first: it seals from now on.</summary>
    internal KeyFile WithLastPromoted() => this with { Keys = [Keys[^1], .. Keys.SkipLast(1)] };

    /// <summary>Only the key that seals.</summary>
    internal KeyFile WithFirstOnly() => this with { Keys = [Keys[0]] };

    /// <summary>Replaces the file atomically; nobody but the owner can read it at any time.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void Save(string path) => Host.AtomicFile.Write(path, Encoding.ASCII.GetBytes(Format()), Mode);

    private string Format()
    {
        var text = new StringBuilder("# Keys of the group: ID and 32 bytes. The first seals, all open. Made by 'appliance keygen'.\n");
        text.Append(CultureInfo.InvariantCulture, $"seed {Convert.ToHexStringLower(HashSeed.Span)}\n");
        foreach (GroupKey key in Keys) text.Append(CultureInfo.InvariantCulture, $"{key.Id} {Convert.ToHexStringLower(key.Bytes.Span)}\n");
        return text.ToString();
    }

    private static bool TryReadHex(string text, byte[] bytes) =>
        text.Length == 2 * bytes.Length && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done;

    private static GroupKey NewKey(ushort id) => new(id, RandomNumberGenerator.GetBytes(KeyBytes));
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Appliance.Multicast;

namespace Appliance.Configuration;

/// <summary>
/// The group's keys in a file: one <c>ID HEX</c> per line, the id from 1 to 65535 and 64 hexadecimal digits; <c>#</c> begins a comment. The first key
/// seals, all of them open. So a key is changed without a gap: add it on every node, then put it first on every node, then drop the old one (docs/operations.md).
/// </summary>
/// <param name="Keys">In the order of the file; at least one.</param>
internal sealed record KeyFile(IReadOnlyList<GroupKey> Keys)
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
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0 || words[0].StartsWith('#')) continue;
            if (words.Length != 2 || !ushort.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort id) || id == 0)
                return (null, $"{path}:{number}: not a key: write its id (1 to 65535) and 64 hexadecimal digits");
            var bytes = new byte[KeyBytes];
            if (words[1].Length != 2 * KeyBytes || Convert.FromHexString(words[1], bytes, out _, out _) != System.Buffers.OperationStatus.Done)
                return (null, $"{path}:{number}: key {id} must have 64 hexadecimal digits");
            if (keys.Any(key => key.Id == id)) return (null, $"{path}:{number}: key {id} stands here a second time");
            keys.Add(new GroupKey(id, bytes));
        }
        if (keys.Count == 0) return (null, $"{path} holds no key: make one with 'appliance keygen {path}'");
        if (keys.Count > MaxKeys) return (null, $"{path} holds {keys.Count} keys; at most {MaxKeys}: run 'appliance keygen --retire {path}'");
        return (new KeyFile(keys), null);
    }

    /// <summary>A file with one new key.</summary>
    internal static KeyFile Generate(ushort id) => new([NewKey(id)]);

    /// <summary>A new key at the end: it opens and does not seal yet.</summary>
    internal KeyFile WithNewKey() => new([.. Keys, NewKey((ushort)((Keys.Max(static key => key.Id) % ushort.MaxValue) + 1))]);

    /// <summary>The last key first: it seals from now on.</summary>
    internal KeyFile WithLastPromoted() => new([Keys[^1], .. Keys.SkipLast(1)]);

    /// <summary>Only the key that seals.</summary>
    internal KeyFile WithFirstOnly() => new([Keys[0]]);

    /// <summary>Replaces the file atomically; nobody but the owner can read it at any time.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void Save(string path) => Host.AtomicFile.Write(path, Encoding.ASCII.GetBytes(Format()), Mode);

    private string Format()
    {
        var text = new StringBuilder("# Keys of the group: ID and 32 bytes. The first seals, all open. Made by 'appliance keygen'.\n");
        foreach (GroupKey key in Keys) text.Append(CultureInfo.InvariantCulture, $"{key.Id} {Convert.ToHexStringLower(key.Bytes.Span)}\n");
        return text.ToString();
    }

    private static GroupKey NewKey(ushort id) => new(id, RandomNumberGenerator.GetBytes(KeyBytes));
}

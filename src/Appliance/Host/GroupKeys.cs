using System.Security.Cryptography;
using System.Text;
using Appliance.Configuration;
using Appliance.Multicast;
using Appliance.State;

namespace Appliance.Host;

/// <summary>The keys of a group as its parts want them, and what a changed key file asks for.</summary>
/// <param name="Keys">The one that seals last.</param>
/// <param name="HashSeed">BUZhash's seed.</param>
internal sealed record GroupKeys(IReadOnlyList<GroupKey> Keys, ReadOnlyMemory<byte> HashSeed)
{
    /// <summary>The key that seals; null in a group that is not sealed.</summary>
    internal GroupKey? Sealing => Keys.Count == 0 ? null : Keys[^1];

    /// <summary>Reads the key file of a sealed group; a group that is not sealed has no keys.</summary>
    /// <exception cref="NodeStartException">The key file cannot be used.</exception>
    internal static GroupKeys Load(GroupOptions group)
    {
        // Without secrets nobody is kept from choosing colliding keys; alike on all nodes it must be all the same.
        if (group.Security == GroupSecurity.None) return new GroupKeys([], SHA256.HashData(Encoding.UTF8.GetBytes(group.Name)).AsMemory(0, BuzHash.SeedBytes));
        (KeyFile? file, string? problem) = KeyFile.Load(group.KeyFile);
        return file is null ? throw new NodeStartException($"[group] key-file: {problem}") : new GroupKeys([.. file.Keys.Skip(1), file.Keys[0]], file.HashSeed);
    }

    /// <summary>Puts changed keys in force. Loop thread.</summary>
    /// <returns>What was done, for people; empty when nothing was to do.</returns>
    internal IReadOnlyList<string> Apply(GroupKeys next, MulticastGroup group)
    {
        var done = new List<string>();
        foreach (GroupKey key in next.Keys.Where(key => Keys.All(known => known.Id != key.Id)))
        {
            group.AcceptKey(key);
            done.Add($"[group] key-file: {key} opens");
        }
        if (next.Sealing is { } sealing && sealing.Id != Sealing?.Id)
        {
            group.SealWith(sealing.Id);
            done.Add($"[group] key-file: {sealing} seals");
        }
        foreach (GroupKey key in Keys.Where(key => next.Keys.All(kept => kept.Id != key.Id)))
        {
            group.ForgetKey(key.Id);
            done.Add($"[group] key-file: {key} is forgotten");
        }
        return done;
    }

    /// <summary>Why a changed key file cannot be put in force; null when it can.</summary>
    internal string? WhyNot(GroupKeys next)
    {
        if (!HashSeed.Span.SequenceEqual(next.HashSeed.Span)) return "[group] key-file: the seed differs; it cannot change while the group holds state";
        GroupKey? replaced = next.Keys.FirstOrDefault(key => Keys.Any(known => known.Id == key.Id && !known.Bytes.Span.SequenceEqual(key.Bytes.Span)));
        return replaced is null ? null : $"[group] key-file: {replaced} is another one than before; a new key needs a new id";
    }
}

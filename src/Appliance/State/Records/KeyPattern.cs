namespace Appliance.State;

/// <summary>A pattern of keys: <c>*</c> stands for any bytes, also none, <c>?</c> for one byte, everything else for itself.</summary>
internal sealed class KeyPattern
{
    private readonly byte[] _pattern;
    private readonly int _literalPrefixBytes;
    private readonly bool _onlyStarAfterPrefix;

    /// <summary>Reads a pattern.</summary>
    internal KeyPattern(string pattern)
    {
        _pattern = System.Text.Encoding.UTF8.GetBytes(pattern);
        int special = _pattern.AsSpan().IndexOfAny((byte)'*', (byte)'?');
        _literalPrefixBytes = special < 0 ? _pattern.Length : special;
        _onlyStarAfterPrefix = special >= 0 && special == _pattern.Length - 1 && _pattern[special] == (byte)'*';
    }

    /// <summary>Whether a key matches. Takes time in proportion to key times pattern at worst, and allocates nothing.</summary>
    internal bool Matches(ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> prefix = _pattern.AsSpan(0, _literalPrefixBytes);
        if (!key.StartsWith(prefix)) return false;
        return _onlyStarAfterPrefix || MatchesFrom(_pattern.AsSpan(_literalPrefixBytes), key[_literalPrefixBytes..]);
    }

    // The last star is the only place to come back to: what an earlier one could take, the last can take too.
    private static bool MatchesFrom(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> key)
    {
        int p = 0, k = 0, star = -1, resume = 0;
        while (k < key.Length)
        {
            if (p < pattern.Length && pattern[p] == (byte)'*')
            {
                star = p++;
                resume = k;
            }
            else if (p < pattern.Length && (pattern[p] == (byte)'?' || pattern[p] == key[k]))
            {
                p++;
                k++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                k = ++resume;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == (byte)'*') p++;
        return p == pattern.Length;
    }
}

namespace Appliance.Listeners.Resp.Protocol;

/// <summary>Patterns as SCAN MATCH takes them: <c>* ? [a-z] [^a] \x</c> (stringmatchlen of Redis, util.c).</summary>
internal static class GlobPattern
{
    // Each star multiplies the work of a mismatch; Redis bounds it by depth, here the work itself is bounded.
    private const int MaxSteps = 1_000_000;

    /// <summary>Whether the whole text fits the pattern. Beyond a million steps the answer is no.</summary>
    public static bool IsMatch(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        int p = 0, t = 0, starPattern = -1, starText = 0;
        for (int steps = 0; steps < MaxSteps; steps++)
        {
            if (p < pattern.Length && pattern[p] == (byte)'*')
            {
                starPattern = ++p;
                starText = t;
                if (p == pattern.Length) return true;
                continue;
            }
            if (t == text.Length && p == pattern.Length) return true;
            int next = p;
            if (t < text.Length && p < pattern.Length && MatchesOne(pattern, ref next, text[t]))
            {
                p = next;
                t++;
                continue;
            }
            if (starPattern < 0 || starText >= text.Length) return false;
            p = starPattern; // the last star takes one byte more
            t = ++starText;
        }
        return false;
    }

    private static bool MatchesOne(ReadOnlySpan<byte> pattern, ref int position, byte value)
    {
        switch (pattern[position])
        {
            case (byte)'?':
                position++;
                return true;
            case (byte)'[':
                return MatchesSet(pattern, ref position, value);
            case (byte)'\\' when position + 1 < pattern.Length:
                position++;
                break;
        }
        return pattern[position++] == value;
    }

    private static bool MatchesSet(ReadOnlySpan<byte> pattern, ref int position, byte value)
    {
        position++;
        bool negated = position < pattern.Length && pattern[position] == (byte)'^';
        if (negated) position++;
        bool found = false;
        while (position < pattern.Length && pattern[position] != (byte)']')
        {
            if (pattern[position] == (byte)'\\' && position + 1 < pattern.Length)
            {
                position++;
                found |= pattern[position] == value;
            }
            else if (position + 2 < pattern.Length && pattern[position + 1] == (byte)'-')
            {
                byte low = Math.Min(pattern[position], pattern[position + 2]), high = Math.Max(pattern[position], pattern[position + 2]);
                found |= value >= low && value <= high;
                position += 2;
            }
            else
            {
                found |= pattern[position] == value;
            }
            position++;
        }
        if (position < pattern.Length) position++; // an unclosed set ends with the pattern
        return found != negated;
    }
}

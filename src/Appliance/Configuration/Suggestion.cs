namespace Appliance.Configuration;

/// <summary>'Did you mean' for a word that is not known.</summary>
internal static class Suggestion
{
    /// <summary>A question to append to a message, or nothing when no candidate is near.</summary>
    internal static string For(string word, IEnumerable<string> candidates)
    {
        int reach = Math.Max(2, word.Length / 3); // edits: enough for a slip and a swapped pair, too few to guess wildly
        string? nearest = candidates.Select(candidate => (candidate, Distance: Distance(word.ToLowerInvariant(), candidate)))
            .Where(pair => pair.Distance <= reach && pair.Distance < pair.candidate.Length)
            .OrderBy(static pair => pair.Distance).Select(static pair => pair.candidate).FirstOrDefault();
        return nearest is null ? "" : $"; did you mean '{nearest}'?";
    }

    /// <summary>Levenshtein's distance. Words longer than 64 characters are near to nothing.</summary>
    private static int Distance(string left, string right)
    {
        const int longest = 64;
        if (left.Length > longest || right.Length > longest) return int.MaxValue;
        Span<int> row = stackalloc int[longest + 1];
        for (int j = 0; j <= right.Length; j++) row[j] = j;
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int substituted = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[right.Length];
    }
}

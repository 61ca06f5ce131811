using Appliance.State;

namespace Appliance.Listeners.Resp.Connections;

/// <summary>Looks through pipelined commands for their keys and starts to load what they will need: the memory accesses of several commands overlap instead of following each other.</summary>
/// <remarks>Decides nothing: what it cannot read, or reads wrongly (a command whose second argument is no key), costs time at most.</remarks>
internal static class PipelineAhead
{
    /// <summary>Commands whose memory is fetched at once. 16: more do not fit the processor's line-fill buffers.</summary>
    private const int Commands = 16;

    private const int MaxArguments = 8, MaxKeyBytes = 256;

    /// <summary>Starts to load what the next commands need.</summary>
    /// <returns>Bytes after which it is worth looking again; the whole input's length when it never is.</returns>
    internal static int Load(ReadOnlySpan<byte> input, IServiceStore store)
    {
        Span<ulong> hashes = stackalloc ulong[Commands];
        int at = 0, count = 0, commands = 0;
        while (commands < Commands && TrySkipCommand(input, ref at, out int key, out int keyBytes))
        {
            commands++;
            if (commands == 1 && at >= input.Length) return input.Length; // nothing to overlap with
            if (keyBytes > 0) hashes[count++] = store.Prefetch(input.Slice(key, keyBytes));
        }
        foreach (ulong hash in hashes[..count]) store.PrefetchRecord(hash);
        return commands == Commands ? at : input.Length;
    }

    private static bool TrySkipCommand(ReadOnlySpan<byte> input, ref int at, out int key, out int keyBytes)
    {
        key = keyBytes = 0;
        int next = at;
        if (!TryReadNumber(input, ref next, (byte)'*', out int arguments) || arguments > MaxArguments) return false;
        for (int i = 0; i < arguments; i++)
        {
            if (!TryReadNumber(input, ref next, (byte)'$', out int length) || length > input.Length - next - 2) return false;
            if (i == 1 && length <= MaxKeyBytes) (key, keyBytes) = (next, length);
            next += length + 2;
        }
        at = next;
        return true;
    }

    private static bool TryReadNumber(ReadOnlySpan<byte> input, ref int at, byte prefix, out int number)
    {
        const int digits = 7;
        number = 0;
        if (at >= input.Length || input[at] != prefix) return false;
        for (int i = at + 1; i < input.Length && i <= at + digits + 1; i++)
        {
            int digit = input[i] - '0';
            if ((uint)digit <= 9)
            {
                number = number * 10 + digit;
                continue;
            }
            at = i + 2; // what ends a number is the parser's business
            return input[i] == '\r';
        }
        return false;
    }
}

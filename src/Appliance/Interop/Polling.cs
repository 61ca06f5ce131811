using System.Diagnostics;

namespace Appliance.Interop;

/// <summary>Waits for what the kernel or other processes bring about and nothing tells: looks again and again, without taking a processor from them.</summary>
internal static class Polling
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until it is so.</summary>
    /// <returns>False: it is not after so long.</returns>
    internal static bool Until(TimeSpan patience, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > patience) return false;
            Thread.Sleep(Interval);
        }
        return true;
    }

    /// <summary>Waits until it is so.</summary>
    /// <param name="patience">How long at most.</param>
    /// <param name="condition">Looks.</param>
    /// <param name="interval">Between two looks; 10 ms where none is given.</param>
    /// <returns>False: it is not after so long.</returns>
    internal static async Task<bool> UntilAsync(TimeSpan patience, Func<Task<bool>> condition, TimeSpan? interval = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition().ConfigureAwait(false))
        {
            if (Stopwatch.GetElapsedTime(start) > patience) return false;
            await Task.Delay(interval ?? Interval).ConfigureAwait(false);
        }
        return true;
    }
}
